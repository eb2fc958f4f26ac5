package training

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"convgraph/internal/cli"
	"convgraph/internal/kernel"
	"convgraph/internal/mpi"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/ranks"
)

func asksForMPI(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(arg string) bool {
		flag := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
		return arg != flag && (flag == "mpi" || flag == "mpi=true")
	})
}

// rankWriter writes the errors of a rank after its number. The ranks after the first wait before
// their first error: an error of all ranks, such as a wrong flag, is printed by rank 0, which ends
// them all.
type rankWriter struct {
	w       io.Writer
	rank    int
	started bool
}

const writeAfter = 500 * time.Millisecond

func (w *rankWriter) Write(p []byte) (int, error) {
	if !w.started && w.rank > 0 {
		time.Sleep(writeAfter)
	}
	w.started = true
	if _, err := fmt.Fprintf(w.w, "rank %d: %s", w.rank, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// first reports whether this process writes the results: it is the only one, or rank 0.
func (c *Command) first() bool {
	if c.world == nil {
		return true
	}
	rank, _ := c.world.Rank()
	return rank == 0
}

// Run trains, with the other ranks if there are any.
func (c *Command) Run(stdout io.Writer, line *kong.Context) error {
	c.program = line.Model.Name
	if c.world == nil {
		return c.runAlone(stdout, line)
	}
	if err := c.greet(); err != nil {
		return err
	}
	err := c.runAlone(stdout, line)
	var exit cli.Exit
	agreed := err == nil || errors.Is(err, cli.ErrInterrupted) || errors.As(err, &exit) && exit.Code == cli.Diverged
	if !agreed {
		return err
	}
	_, failed := ranks.Most(c.world, 0) // rank 0 has written its results
	c.settled = failed == nil
	return errors.Join(err, failed)
}

// joinRanks prepares one of several ranks. Only rank 0 prints and writes.
func (c *Command) joinRanks() error {
	if c.world == nil {
		return nil
	}
	if !c.first() {
		c.Quiet, c.Serve, c.Tensorboard, c.CPUProfile, c.KeepEpochs = true, "", "", "", false
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	cpus := processors()
	all, err := ranks.All(c.world, []byte(host+" "+cpus))
	if err != nil {
		return err
	}
	sharing := 0
	for _, other := range all {
		if string(other) == host+" "+cpus {
			sharing++
		}
	}
	c.Workers = cmp.Or(c.Workers, max(1, runtime.NumCPU()/sharing))
	return c.printRanks(host)
}

func (c *Command) printRanks(host string) error {
	all, err := ranks.All(c.world, fmt.Appendf(nil, "rank %d on %s, process %d, %d of %d processors",
		rankOf(c.world), host, os.Getpid(), c.Workers, runtime.NumCPU()))
	if err != nil || c.Quiet {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d ranks by %s\n", len(all), c.world.Library())
	for _, rank := range all {
		fmt.Fprintf(os.Stderr, "  %s\n", rank)
	}
	return nil
}

func rankOf(w *mpi.World) int { rank, _ := w.Rank(); return rank }

// greet compares what the ranks must agree in before their first other exchange.
func (c *Command) greet() error {
	digest, err := executableDigest()
	if err != nil {
		return err
	}
	return ranks.Agree(c.world, []ranks.Fact{
		{Name: "version", Value: version()},
		{Name: "executable", Value: digest},
		{Name: "instruction set", Value: runtime.GOARCH + " " + kernel.InstructionSet()},
		{Name: "-resume", Value: cmp.Or(string(c.Resume), "false")},
		{Name: "-lr-find", Value: fmt.Sprint(c.LRFind)},
	})
}

// executableDigest returns a hash of the program's file: the same version may be built differently.
func executableDigest() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("sha256 %x", h.Sum(nil)[:8]), nil
}

// handshake returns an error if the ranks have different settings or data. Fusion and recomputing
// don't change the result, but the order in which the ranks exchange sums.
func (c *Command) handshake(r models.Recipe, t *train.Trainer, f *folder) error {
	if c.world == nil {
		return nil
	}
	settings, err := c.settings(r, t, f.checkpoint)
	if err != nil {
		return err
	}
	facts := []ranks.Fact{
		{Name: "-epochs", Value: fmt.Sprint(r.Epochs)},
		{Name: "-on-nan", Value: c.OnNaN},
		{Name: "-early-stop", Value: fmt.Sprint(c.EarlyStop)},
		{Name: "-micro-batch", Value: fmt.Sprint(c.MicroBatch)},
		{Name: "-fusion", Value: fmt.Sprint(c.Fusion)},
		{Name: "-recompute", Value: cmp.Or(strings.Join(c.Recompute, ","), "nothing")},
	}
	for _, s := range settings {
		facts = append(facts, ranks.Fact(s))
	}
	return ranks.Agree(c.world, facts)
}

// version returns the versions of Go and of the program's source, and its build tags.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.GoVersion + " " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" || s.Key == "-tags" {
			version += " " + s.Value
		}
	}
	return version
}

// newest returns the newest checkpoint of a folder. With several ranks it is that of rank 0's
// folder.
func (c *Command) newest(dir string) (*train.Checkpoint, error) {
	if c.world == nil {
		return c.newestCheckpoint(dir)
	}
	var data []byte
	if c.first() {
		checkpoint, err := c.newestCheckpoint(dir)
		if err != nil && !errors.Is(err, train.ErrNoCheckpoint) {
			return nil, err
		}
		if err == nil {
			if data, err = checkpoint.MarshalBinary(); err != nil {
				return nil, err
			}
		}
	}
	data, err := ranks.FromFirst(c.world, data)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, train.ErrNoCheckpoint)
	}
	checkpoint := new(train.Checkpoint)
	return checkpoint, checkpoint.UnmarshalBinary(data)
}

// runTogether trains in all ranks, through the stops of rank 0's page. After a stop, the others
// wait for rank 0 to send the checkpoint to resume from, or nothing if the training ends.
func (c *Command) runTogether(
	ctx context.Context, t *train.Trainer, page *livePage, latest func() (*train.Checkpoint, error),
) (*train.Result, error) {
	if c.world == nil {
		return page.run(ctx, t, latest)
	}
	t.Peers = c.world
	if c.first() {
		result, err := page.run(ctx, t, func() (*train.Checkpoint, error) { return c.send(latest) })
		if errors.Is(err, context.Canceled) {
			_, failed := ranks.FromFirst(c.world, nil)
			err = errors.Join(err, failed)
		}
		return result, err
	}
	for {
		result, err := t.Run(ctx)
		if !errors.Is(err, context.Canceled) {
			return result, err
		}
		c.world.AllowLongWait()
		data, failed := ranks.FromFirst(c.world, nil)
		if failed != nil || len(data) == 0 {
			return nil, errors.Join(err, failed)
		}
		t.Resume = new(train.Checkpoint)
		if err := t.Resume.UnmarshalBinary(data); err != nil {
			return nil, err
		}
	}
}

// send sends the other ranks the checkpoint to resume from.
func (c *Command) send(latest func() (*train.Checkpoint, error)) (*train.Checkpoint, error) {
	checkpoint, err := latest()
	if err != nil {
		return nil, err
	}
	data, err := checkpoint.MarshalBinary()
	if err != nil {
		return nil, err
	}
	_, err = ranks.FromFirst(c.world, data)
	return checkpoint, err
}
