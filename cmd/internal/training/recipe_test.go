package training

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
)

var update = flag.Bool("update", false, "rewrite the golden file of the recipes")

// parsed is the command of the arguments, each flag with two dashes.
func parsed(t *testing.T, args ...string) *Command {
	t.Helper()
	c := &Command{}
	parser, err := kong.New(c, Vars())
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return c
}

// TestRecipesAreFlags passes what a recipe prints as flags, and expects the same run. testdata has
// the recipes.
func TestRecipesAreFlags(t *testing.T) {
	var all strings.Builder
	for _, name := range models.RecipeNames() {
		for _, model := range models.Names() {
			want, err := models.RecipeFor(name, model)
			if err != nil {
				continue
			}
			text := flags(want)
			all.WriteString(name + " " + model + ": " + text + "\n")

			r, err := parsed(t, "--recipe", name, "--model", model).recipe()
			require.NoError(t, err, "%s %s", name, model)
			assert.Equal(t, want, r)
			r, err = parsed(t,
				append(strings.Fields(strings.ReplaceAll(" "+text, " -", " --")), "--model", model)...).recipe()
			require.NoError(t, err, text)
			assert.Equal(t, want, r)
			_, err = graph.ParseInit(want.Init)
			assert.True(t, err == nil || want.Init == "", "%s %s: %v", name, model, err)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/recipes.txt", []byte(all.String()), 0o644))
	}
	golden, err := os.ReadFile("testdata/recipes.txt")
	require.NoError(t, err, "go test -update writes it")
	assert.Equal(t, string(golden), all.String())
}

// TestFlagsOverrideRecipes, every setting of them.
func TestFlagsOverrideRecipes(t *testing.T) {
	given := []string{"--epochs", "2", "--batch", "7", "--optimizer", "sgd", "--lr", "0.5", "--schedule", "step",
		"--warmup", "0", "--weight-decay", "0.25",
		"--init", "xavier", "--augment", "", "--average", "0.75", "--label-smoothing", "0.125",
		"--hardest", "0"}
	want := models.Recipe{Epochs: 2, Batch: 7, Optimizer: "sgd", LR: 0.5, Schedule: "step", WeightDecay: 0.25,
		Init: "xavier", Average: 0.75, LabelSmoothing: 0.125}
	for _, name := range models.RecipeNames() {
		r, err := parsed(t, append(given, "--recipe", name)...).recipe()
		require.NoError(t, err)
		assert.Equal(t, want, r, name)
	}
}

// TestRecipeChoosesTheModel: best without -model trains another network than the others.
func TestRecipeChoosesTheModel(t *testing.T) {
	for recipe, want := range map[string]string{"book": "simpleconvnet", "fast": "simpleconvnet",
		"best": "lenet-wide"} {
		c := parsed(t, "--recipe", recipe)
		_, err := c.recipe()
		require.NoError(t, err)
		assert.Equal(t, want, c.Model)
		assert.Equal(t, filepath.Join("runs", want), c.out())
	}
}

// TestResumeRefusesAnotherRecipe compares a recipe's settings as if flags had set them.
func TestResumeRefusesAnotherRecipe(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-quiet", "-out", dir, "-epochs", "1", "-train-samples", "200", "-test-samples", "20"}
	code, _, stderr := trainmnist(t, append(args, "-recipe", "fast")...)
	require.Equal(t, cli.OK, code, stderr)
	code, _, stderr = trainmnist(t, append(args, "-recipe", "fast", "-resume")...)
	require.Equal(t, cli.OK, code, stderr)
	code, _, stderr = trainmnist(t, append(args, "-resume", "-recipe", "book")...)
	assert.Equal(t, cli.Refused, code)
	for _, want := range []string{`model: …net","input":[1,28,28],"init":"he"`,
		"-optimizer: adamw then, adam now", "-lr: 0.012 then, 0.001 now", "-schedule: cosine then, constant now"} {
		assert.Contains(t, stderr, want)
	}
	code, _, stderr = trainmnist(t,
		append(args, "-recipe", "fast", "-resume", "-average", "0.9", "-label-smoothing", "0", "-augment", "shift")...)
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, stderr,
		"-label-smoothing: 0.1 then, 0 now; -average: 0 then, 0.9 now; -augment:  then, shift now")
}

// TestSettingsReachTheTraining checks that each setting changes the network of the same seed.
func TestSettingsReachTheTraining(t *testing.T) {
	made := map[string]string{}
	for name, setting := range map[string][]string{
		"none": nil, "label smoothing": {"-label-smoothing", "0.3"}, "average": {"-average", "0.9"},
		"warm-up": {"-warmup", "5"}, "init": {"-init", "he"},
	} {
		dir := t.TempDir()
		args := []string{"-quiet", "-out", dir, "-epochs", "1", "-batch", "10", "-train-samples", "200",
			"-test-samples", "20", "-eval-samples", "20"}
		code, _, stderr := trainmnist(t, append(args, setting...)...)
		require.Equal(t, cli.OK, code, stderr)
		params := string(resultFile(t, dir, "params.safetensors"))
		assert.Empty(t, made[params], name)
		made[params] = name
	}
}
