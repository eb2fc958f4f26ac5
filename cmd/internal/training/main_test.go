package training

import (
	"bytes"
	"encoding/csv"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/internal/testutil"
)

// small makes a training of seconds.
var small = []string{"-epochs", "2", "-train-samples", "300", "-test-samples", "100", "-eval-samples", "50"}

func trainmnist(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	c := &Command{}
	code = Main("trainmnist", c, c, args, &out, &diagnostics)
	return code, out.String(), diagnostics.String()
}

// TestHelpGroupsEveryFlag holds that each flag has a group, and a help text that ends as a
// sentence.
func TestHelpGroupsEveryFlag(t *testing.T) {
	parser, err := kong.New(&Command{}, Vars())
	require.NoError(t, err)
	for _, flag := range parser.Model.Flags {
		if flag.Name == "help" {
			continue
		}
		assert.NotNil(t, flag.Group, flag.Name)
		assert.Regexp(t, `[.)]$`, flag.Help, flag.Name)
	}
}

// TestTrainingWritesResults checks a run against the command contract.
func TestTrainingWritesResults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, stdout, _ := trainmnist(t, append(small, "-quiet", "-out", dir)...)
	require.Equal(t, cli.OK, code)

	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	assert.Regexp(t, `^final: test accuracy \d+\.\d\d% \(\d+/100\), train accuracy \d+\.\d\d% \(\d+/300\), `+
		`2 epochs, \d+\.\d s$`, lines[len(lines)-1])

	f, err := os.Open(filepath.Join(dir, "history.csv"))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"epoch", "step", "train_loss", "train_acc", "test_acc", "seconds"}, rows[0])
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"2", "6"}, rows[2][:2])

	for _, name := range []string{"accuracy.png", "filters-before.png", "filters-after.png"} {
		picture, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		_, err = png.Decode(bytes.NewReader(picture))
		assert.NoError(t, err, name)
	}
	assert.FileExists(t, filepath.Join(dir, "accuracy.svg"))

	m, err := graph.Load(filepath.Join(dir, "params.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, "simpleconvnet", m.Spec().Name)
}

// A machine is what a training runs on, and how.
type machine struct {
	procs int
	flags []string
}

// TestSameBitsOnAnyMachine expects the same parameters and history for any number of workers and
// processors, without fusion, and in a second run: for three networks and one with dropout, on
// augmented images.
func TestSameBitsOnAnyMachine(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	machines := []machine{
		{1, []string{"-workers", "1"}}, {2, []string{"-workers", "8"}}, {1, []string{"-workers", "1"}},
		{2, []string{"-workers", "2"}}, {1, []string{"-workers", "3"}}, {2, []string{"-no-fusion"}},
	}
	if testutil.RaceEnabled {
		machines = machines[:2] // one worker and many; layers by themselves run under it in graph's tests
	}
	short := []string{"-quiet", "-epochs", "2", "-train-samples", "40", "-test-samples", "20", "-batch", "20"}
	for name, args := range map[string][]string{
		"simpleconvnet": append(short, "-augment", "shift,rotate,elastic"),
		"lenet":         append(short, "-model", "lenet", "-augment", "crop,scale", "-sampling", "replace"),
		"dropout":       append(short, "-model", "../../../examples/mine.json", "-average", "0.9"),
		"alexnet": {"-quiet", "-model", "alexnet", "-data", imageFolder(t), "-size", "67", "-width", "0.1",
			"-batch", "4", "-epochs", "2", "-pca"},
	} {
		t.Run(name, func(t *testing.T) {
			var first [2]string
			for _, machine := range machines {
				runtime.GOMAXPROCS(machine.procs)
				dir := t.TempDir()
				code, _, stderr := trainmnist(t, slices.Concat(args, machine.flags, []string{"-out", dir})...)
				require.Equal(t, cli.OK, code, stderr)
				if first == [2]string{} {
					first = results(t, dir)
				}
				require.True(t, first == results(t, dir), "%+v", machine)
			}
		})
	}
}

// TestResumeEndsAsAnUninterruptedRun stops after the first epoch, resumes, and expects the bytes of
// a run that was never stopped.
func TestResumeEndsAsAnUninterruptedRun(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	code, _, stderr := trainmnist(t, append(small, "-quiet", "-out", whole)...)
	require.Equal(t, cli.OK, code, stderr)

	code, _, stderr = trainmnist(t, append(small, "-quiet", "-out", parts, "-epochs", "1")...)
	require.Equal(t, cli.OK, code, stderr)
	code, _, stderr = trainmnist(t, append(small, "-quiet", "-out", parts, "-resume")...)
	require.Equal(t, cli.OK, code, stderr)

	for _, name := range []string{"params.safetensors", "history.csv"} {
		want, err := os.ReadFile(filepath.Join(whole, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(parts, name))
		require.NoError(t, err)
		if name == "history.csv" {
			want, got = withoutSeconds(want), withoutSeconds(got)
		}
		assert.True(t, bytes.Equal(want, got), name)
	}

	code, _, stderr = trainmnist(t,
		append(small, "-quiet", "-out", parts, "-resume", "-lr", "0.002", "-batch", "50")...)
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, stderr, "-batch: 100 then, 50 now; -lr: 0.001 then, 0.002 now")
}

// TestResumeRefusesAnotherTraining shows the difference of another model, other data and every
// other flag that matters.
func TestResumeRefusesAnotherTraining(t *testing.T) {
	args, other, dir := tinyTraining(t, 8), tinyTraining(t, 9), t.TempDir()
	otherModel, otherData := other[2], t.TempDir()
	writeIDX(t, otherData, "train", 201)
	writeIDX(t, otherData, "t10k", 51)
	args = append(args, "-out", dir, "-epochs", "1", "-checkpoint-every", "0")
	code, _, stderr := trainmnist(t, args...)
	require.Equal(t, cli.OK, code, stderr)
	for want, change := range map[string][]string{
		`model: …rs":[{"kind":"affine","units":8}`:                             {"-model", otherModel},
		"training images: 200 of (1, 6, 6) in 10 classes":                      {"-data", otherData},
		"test images: 50 of (1, 6, 6) in 10 classes":                           {"-test-samples", "49"},
		"-batch: 10 then, 5 now":                                               {"-batch", "5"},
		"-optimizer: adam then, sgd now":                                       {"-optimizer", "sgd"},
		"-lr: 0.001 then, 0.01 now":                                            {"-lr", "0.01"},
		"-weight-decay: 0 then, 0.1 now":                                       {"-weight-decay", "0.1"},
		"-clip-norm: 0 then, 1 now":                                            {"-clip-norm", "1"},
		"-schedule: constant then, step now":                                   {"-schedule", "step"},
		"-schedule: constant then, cosine now; -epochs: now 1, not known then": {"-schedule", "cosine"},
		"-decay-every: 5 then, 2 now":                                          {"-decay-every", "2"},
		"-decay-factor: 0.1 then, 0.5 now":                                     {"-decay-factor", "0.5"},
		"-mirror: true then, false now":                                        {"-no-mirror"},
		"-warmup: 0 then, 3 now":                                               {"-warmup", "3"},
		"-label-smoothing: 0 then, 0.1 now":                                    {"-label-smoothing", "0.1"},
		"-average: 0 then, 0.9 now":                                            {"-average", "0.9"},
		"-keep: last then, best now":                                           {"-keep", "best"},
		"-sampling: shuffle then, replace now":                                 {"-sampling", "replace"},
		"-seed: 1 then, 2 now":                                                 {"-seed", "2"},
		"-eval-samples: 1000 then, 5 now":                                      {"-eval-samples", "5"},
		"-augment: crop=1 then, crop=2 now":                                    {"-augment", "crop=2"},
		`"init":"xavier"`:                                                      {"-init", "xavier"},
	} {
		code, stdout, stderr := trainmnist(t, slices.Concat(args, change, []string{"-resume"})...)
		assert.Equal(t, cli.Refused, code, change)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "trainmnist: -resume: the checkpoint in "+dir+" is of another training: ")
		assert.Contains(t, stderr, want)
	}
	code, _, stderr = trainmnist(t, append(args, "-resume", "-workers", "3", "-on-nan", "skip", "-epochs", "2")...)
	assert.Equal(t, cli.OK, code, "what doesn't matter: %s", stderr)
}

// TestOneProgramPerFolder starts a second program in the folder of a training. It stops before it
// touches anything.
func TestOneProgramPerFolder(t *testing.T) {
	dir := t.TempDir()
	first, err := newOutput(dir)
	require.NoError(t, err)
	checkpoint := filepath.Join(dir, "checkpoint-000000001.safetensors")
	require.NoError(t, os.WriteFile(checkpoint, nil, 0o644))

	code, _, stderr := trainmnist(t, append(small, "-quiet", "-out", dir)...)
	assert.Equal(t, cli.Taken, code)
	assert.Equal(t, "trainmnist: -out: another program is training into "+dir+": wait for it, or name another folder\n",
		stderr)
	assert.FileExists(t, checkpoint)

	require.NoError(t, first.close())
	second, err := newOutput(dir)
	require.NoError(t, err)
	require.NoError(t, second.close())
}

func withoutSeconds(history []byte) []byte {
	return regexp.MustCompile(`(?m),[^,\n]*$`).ReplaceAll(history, nil)
}

func TestBadInputIsOneLine(t *testing.T) {
	dir := t.TempDir()
	occupied := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(occupied, nil, 0o644))
	spec := filepath.Join(dir, "small.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name":"s","input":[1,20,20],"layers":[
		{"kind":"affine","units":10},{"kind":"softmax"}]}`), 0o644))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-batch", "0"}, cli.BadUsage, "-batch is 0: want at least 1"},
		{[]string{"-epochs=-1"}, cli.BadUsage, "-epochs is -1: want at least 1"},
		{[]string{"-lr", "nan"}, cli.BadUsage, "-lr is NaN: want more than 0"},
		{[]string{"-optimizer", "adagard"}, cli.BadUsage, `no optimizer "adagard": want one of sgd, momentum`},
		{[]string{"-schedule", "linear"}, cli.BadUsage,
			`-schedule is "linear": want constant, cosine, one-cycle, step, plateau`},
		{[]string{"-decay-every", "0"}, cli.BadUsage, "-decay-every is 0: want at least 1"},
		{[]string{"-decay-factor", "2"}, cli.BadUsage, "-decay-factor is 2: want more than 0 and at most 1"},
		{[]string{"-weight-decay=-1"}, cli.BadUsage, "-weight-decay is -1: want at least 0"},
		{[]string{"-clip-norm=-1"}, cli.BadUsage, "-clip-norm is -1: want at least 0"},
		{[]string{"-warmup=-1"}, cli.BadUsage, "-warmup is -1: want at least 0"},
		{[]string{"-label-smoothing", "1"}, cli.BadUsage, "-label-smoothing is 1: want at least 0 and less than 1"},
		{[]string{"-average", "1"}, cli.BadUsage, "-average is 1: want at least 0 and less than 1"},
		{[]string{"-average", "0.9", "-keep", "best"}, cli.BadUsage,
			"-average and -keep best both say which parameters to end with"},
		{[]string{"-recipe", "slow"}, cli.BadUsage, `--recipe must be one of "book","fast","best"`},
		{[]string{"-recipe", "fast", "-model", "lenet"}, cli.BadUsage,
			`-recipe: model "lenet" has no recipe "fast": want "book", or one of the models simpleconvnet`},
		{[]string{"-loss", "hinge"}, cli.BadUsage, "--loss must be one of "},
		{[]string{"-head"}, cli.BadUsage,
			"-head is for the network of -init-from's file: want -init-from, and no -model"},
		{[]string{"-head", "-init-from", "x", "-model", "lenet"}, cli.BadUsage,
			"-head is for the network of -init-from's file: want -init-from, and no -model"},
		{[]string{"-size", "32"}, cli.BadUsage, "-size is 32: -model simpleconvnet has a fixed size"},
		{[]string{"-size=-1", "-model", "resnet20"}, cli.BadUsage, "-size is -1: want at least 0"},
		{[]string{"-size", "32", "-model", spec}, cli.BadUsage, "-size is 32: -model " + spec + " has a fixed size"},
		{[]string{"-width", "0.5", "-model", "resnet20"}, cli.BadUsage,
			"-width is 0.5: -model resnet20 has a fixed width"},
		{[]string{"-width", "2", "-model", "alexnet"}, cli.BadUsage, "-width is 2: want more than 0 and at most 1"},
		{[]string{"-pca", "-model", "resnet20"}, cli.BadUsage, "-pca is for -model alexnet"},
		{[]string{"-keep", "all"}, cli.BadUsage, `--keep must be one of "last","best"`},
		{[]string{"-augment", "blur"}, cli.BadUsage,
			`-augment: got "blur", want some of crop, shift, rotate, scale, elastic, resized-crop, colour, ` +
				`mirror, edge`},
		{[]string{"-augment", "rotate=x"}, cli.BadUsage,
			`-augment: got "rotate=x", want rotate or rotate=AMOUNT, such as rotate=10`},
		{[]string{"-augment", "mirror=1"}, cli.BadUsage, `-augment: got "mirror=1", want mirror`},
		{[]string{"-augment", "scale=2"}, cli.BadUsage, "-augment: training: distort: scale 2: want 0 to 0.99"},
		{[]string{"-model", "alexnet", "-augment", "crop"}, cli.BadUsage, "-augment is not for -model alexnet"},
		{[]string{"-model", ""}, cli.BadUsage,
			"--model: got nothing, want the name of a network or the path of a JSON spec"},
		{[]string{"-data", ""}, cli.BadUsage, "--data: got nothing, want a folder"},
		{[]string{"-out="}, cli.BadUsage, "--out: got nothing, want a folder"},
		{[]string{"-bogus"}, cli.BadUsage, "unknown flag --bogus"},
		{[]string{"-model", "resnet"}, cli.Failed, `model "resnet" is unknown: want one of simpleconvnet, lenet`},
		{[]string{"-model", spec}, cli.Failed,
			`model "s" takes images of (1, 20, 20), the training set has (1, 28, 28)`},
		{[]string{"-model", filepath.Join(dir, "missing.json")}, cli.Failed, "missing.json: no such file"},
		{[]string{"-data", filepath.Join(dir, "missing")}, cli.Failed, "missing"},
		{[]string{"-out", filepath.Join(occupied, "run")}, cli.Failed, "-out: "},
		{[]string{"-resume", "-out", dir}, cli.Refused, "there is no checkpoint; start without -resume"},
	} {
		code, stdout, stderr := trainmnist(t,
			append([]string{"-quiet", "-out", filepath.Join(dir, "run")}, c.args...)...)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, c.want)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), "%v: %s", c.args, stderr)
	}
}

// TestBadInputKeepsEarlierResults fails before the training begins, writes nothing, and removes
// nothing of an earlier training.
func TestBadInputKeepsEarlierResults(t *testing.T) {
	dir := t.TempDir()
	occupied, bare := filepath.Join(dir, "file"), filepath.Join(dir, "bare.json")
	require.NoError(t, os.WriteFile(occupied, nil, 0o644))
	require.NoError(t, os.WriteFile(bare, []byte(`{"name":"b","input":[1,28,28],"layers":[
		{"kind":"flatten"},{"kind":"softmax"}]}`), 0o644))
	other := t.TempDir() // images of 6x6
	writeIDX(t, other, "train", 20)
	writeIDX(t, other, "t10k", 20)

	trained, fresh := filepath.Join(dir, "trained"), filepath.Join(dir, "fresh")
	code, _, stderr := trainmnist(t, append(small, "-quiet", "-out", trained)...)
	require.Equal(t, cli.OK, code, stderr)
	was := contents(t, trained)
	for want, args := range map[string][]string{
		`model "simpleconvnet" takes images of (1, 28, 28), the training set has (1, 6, 6)`: {"-data", other},
		`model "alexnet" takes images of (3, 227, 227)`:                                     {"-model", "alexnet"},
		`loss is "binary_cross_entropy": want a last layer Sigmoid, or logits, got Softmax`: {"-loss",
			"binary_cross_entropy"},
		`model "b" has only frozen parameters: there is nothing to train`: {"-model", bare},
	} {
		code, _, stderr := trainmnist(t, slices.Concat(small, args, []string{"-quiet", "-out", trained})...)
		assert.Equal(t, cli.Failed, code)
		assert.Contains(t, stderr, want)
		assert.Equal(t, was, contents(t, trained), want)
		trainmnist(t, slices.Concat(small, args, []string{"-quiet", "-out", fresh})...)
		assert.NoDirExists(t, fresh, want)
	}
	for _, flag := range []string{"-tensorboard", "-cpuprofile", "-serve"} {
		code, _, stderr := trainmnist(t,
			append(small, "-quiet", "-out", trained, flag, filepath.Join(occupied, "x"))...)
		assert.Equal(t, cli.Failed, code)
		assert.Contains(t, stderr, "trainmnist: "+flag+": ")
		assert.Equal(t, was, contents(t, trained), flag)
	}
}

// contents are a folder's files by their names.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(data)
	}
	return files
}
