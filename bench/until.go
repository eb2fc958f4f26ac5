package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"convgraph/models"
)

// untilModel is the network to train.
const untilModel = "simpleconvnet"

// arrival is the time at which one training reached the accuracy. Times count from the start of its
// process.
type arrival struct {
	Recipe  string  `json:"recipe"`
	Side    string  `json:"side"`
	Seed    int     `json:"seed"`
	Seconds float64 `json:"seconds"` // to the first evaluation on all test images with the accuracy; 0: none
	Epoch   int     `json:"epoch"`   // of that evaluation
	// to the end of the process, which includes pictures; PyTorch's ends when it reaches the
	// accuracy
	Whole    float64 `json:"whole"`
	Accuracy float64 `json:"accuracy"` // of the last evaluation
}

// runUntil trains with each recipe and seed on both sides, one process at a time, and prints the
// times to the accuracy.
func runUntil(ctx context.Context, o options, stdout, progress io.Writer) error {
	load := loadAverage() // before building adds to it
	h, err := newTrainings(ctx, o)
	if err != nil {
		return err
	}
	defer h.close()
	if !h.present["torch"] {
		fmt.Fprintf(
			progress, "without PyTorch, only our side: pass a Python that has it with -python (%s)\n",
			h.versions[torchName],
		)
	}
	var all []arrival
	for recipe := range strings.SplitSeq(o.recipes, ",") {
		sides, err := h.trainings(ctx, recipe, progress)
		if err != nil {
			return err
		}
		arrivals, err := train(ctx, recipe, sides, o.seeds, progress)
		if err != nil {
			return err
		}
		all = append(all, arrivals...)
	}
	if !o.json {
		return printArrivals(stdout, o, load, h.versions[torchName], all)
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

// train runs both sides of a recipe with each seed.
func train(
	ctx context.Context, recipe string, sides []training, seeds int, progress io.Writer,
) (all []arrival, err error) {
	for seed := 1; seed <= seeds; seed++ {
		for _, side := range sides {
			a, err := side.run(ctx, seed)
			if err != nil {
				return nil, fmt.Errorf("recipe %s, seed %d: %s: %w", recipe, seed, side.name, err)
			}
			a.Recipe, a.Side, a.Seed = recipe, side.name, seed
			fmt.Fprintf(progress, "%s, seed %d: %s %s s\n", recipe, seed, side.name, figure(a.Seconds))
			all = append(all, a)
		}
	}
	return all, nil
}

// newTrainings builds trainmnist and looks for PyTorch.
func newTrainings(ctx context.Context, o options) (*harness, error) {
	h, err := newHarness(o)
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", h.trainer(), "convgraph/cmd/trainmnist").CombinedOutput()
	if err != nil {
		h.close()
		return nil, fmt.Errorf("building trainmnist: %w\n%s", err, out)
	}
	h.findPeers(ctx, []benchCase{{peers: []string{"torch"}}})
	return h, nil
}

func (h *harness) trainer() string { return filepath.Join(h.directory, "trainmnist.exe") }

// training is one side of a recipe.
type training struct {
	name string
	run  func(ctx context.Context, seed int) (arrival, error)
}

// trainings returns ours and, if it supports the recipe, PyTorch's.
func (h *harness) trainings(ctx context.Context, recipe string, progress io.Writer) ([]training, error) {
	r, err := models.RecipeFor(recipe, untilModel)
	if err != nil {
		return nil, err
	}
	sides := []training{{"convgraph", func(ctx context.Context, seed int) (arrival, error) {
		return h.ourTraining(ctx, recipe, seed)
	}}}
	if !h.present["torch"] {
		return sides, nil
	}
	if r.Augment != "" || r.Average != 0 {
		fmt.Fprintf(progress, "recipe %s: only our side, torch_train.py has no augmentation and no averaging\n", recipe)
		return sides, nil
	}
	data, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "convgraph/train/mnist").Output()
	if err != nil {
		return nil, fmt.Errorf("looking for MNIST's files: %w%s", err, lastLine(stderrOf(err)))
	}
	directory := filepath.Join(strings.TrimSpace(string(data)), "data")
	return append(sides, training{torchName, func(ctx context.Context, seed int) (arrival, error) {
		return h.torchTraining(ctx, r, directory, seed)
	}}), nil
}

// The images that are evaluated after each epoch: all test images, and few of the training set,
// which PyTorch's side doesn't evaluate.
const (
	evaluated      = 10000
	evaluatedTrain = 1000
)

func (h *harness) ourTraining(ctx context.Context, recipe string, seed int) (arrival, error) {
	out, err := os.MkdirTemp(h.directory, "run-")
	if err != nil {
		return arrival{}, err
	}
	defer os.RemoveAll(out)
	cmd := exec.CommandContext(ctx, h.trainer(), "-recipe", recipe, "-model", untilModel, "-out", out,
		fmt.Sprintf("-seed=%d", seed), fmt.Sprintf("-eval-samples=%d", evaluated),
		fmt.Sprintf("-eval-train-samples=%d", evaluatedTrain))
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", h.threads))
	return watch(cmd, h.until)
}

func (h *harness) torchTraining(ctx context.Context, r models.Recipe, data string, seed int) (arrival, error) {
	cmd := exec.CommandContext(ctx, h.options.python, h.script("torch_train.py"), "--data", data,
		fmt.Sprintf("--seed=%d", seed), fmt.Sprintf("--threads=%d", h.threads), fmt.Sprintf("--until=%g", h.until),
		fmt.Sprintf("--epochs=%d", r.Epochs), fmt.Sprintf("--batch=%d", r.Batch),
		"--optimizer", r.Optimizer, fmt.Sprintf("--lr=%g", r.LR),
		"--schedule", r.Schedule, fmt.Sprintf("--warmup=%d", r.Warmup),
		fmt.Sprintf("--weight-decay=%g", r.WeightDecay), fmt.Sprintf("--label-smoothing=%g", r.LabelSmoothing),
		fmt.Sprintf("--hardest=%g", r.Hardest), "--init", cmp.Or(r.Init, "0.01"))
	return watch(cmd, h.until)
}

// watch runs a training and measures the time until its output first reports the accuracy.
func watch(cmd *exec.Cmd, until float64) (a arrival, err error) {
	output, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return a, err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		writer.Close()
	}()
	last := ""
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		last = lines.Text()
		epoch, accuracy, ok := evaluation(last)
		if !ok {
			continue
		}
		a.Accuracy = accuracy
		if a.Epoch == 0 && accuracy >= until {
			a.Epoch, a.Seconds = epoch, time.Since(began).Seconds()
		}
	}
	a.Whole = time.Since(began).Seconds()
	if err := errors.Join(<-ended, lines.Err()); err != nil {
		return a, fmt.Errorf("%w: %s", err, last)
	}
	if a.Accuracy == 0 {
		return a, fmt.Errorf("no accuracy in its output, whose last line is %q", last)
	}
	return a, nil
}

var evaluationLine = regexp.MustCompile(`^epoch (\d+)/\d+ .* test (\d+)\.(\d\d)%`)

// evaluation finds the epoch and the test accuracy in a line of either side's progress.
func evaluation(line string) (epoch int, accuracy float64, ok bool) {
	m := evaluationLine.FindStringSubmatch(line)
	if m == nil {
		return 0, 0, false
	}
	epoch, err := strconv.Atoi(m[1])
	hundredths, err2 := strconv.Atoi(m[2] + m[3])
	return epoch, float64(hundredths) / 10000, err == nil && err2 == nil
}

// printArrivals writes a row for each training, and the medians.
func printArrivals(out io.Writer, o options, load float64, torch string, all []arrival) error {
	fmt.Fprintf(out, "%s from the start of the process to a test accuracy of %.2f%%, %d threads, %s, PyTorch %s\n",
		untilModel, 100*o.until, o.threads, runtime.Version(), torch)
	if load > busyLoad {
		fmt.Fprintf(
			out, "the machine was busy (load %.2g before the start): times are longer than on an idle machine\n", load,
		)
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "recipe\tside\tseed\tseconds\tepoch\twhole run, s\tlast accuracy")
	for i, a := range all {
		fmt.Fprintf(
			t, "%s\t%s\t%d\t%s\t%s\t%.1f\t%.2f%%\n", a.Recipe, a.Side, a.Seed, figure(a.Seconds),
			figure(float64(a.Epoch)), a.Whole, 100*a.Accuracy,
		)
		if i+1 == len(all) || all[i+1].Recipe != a.Recipe {
			printMedians(t, a.Recipe, all)
		}
	}
	return t.Flush()
}

func printMedians(out io.Writer, recipe string, all []arrival) {
	for _, side := range []string{"convgraph", torchName} {
		var seconds, whole, accuracies []float64
		for _, a := range all {
			if a.Recipe == recipe && a.Side == side {
				seconds, whole, accuracies = append(seconds, a.Seconds), append(
					whole, a.Whole,
				), append(accuracies, a.Accuracy)
			}
		}
		if len(seconds) > 0 {
			fmt.Fprintf(
				out, "%s\t%s\tmedian\t%s\t\t%.1f\t%.2f%%\n", recipe, side, medianTime(seconds), median(whole),
				100*median(accuracies),
			)
		}
	}
}

// medianTime returns the median, where a training that never reached the accuracy, with time 0,
// counts as longer than all others.
func medianTime(seconds []float64) string {
	times := slices.Clone(seconds)
	for i, s := range times {
		if s == 0 {
			times[i] = math.Inf(1)
		}
	}
	if m := median(times); !math.IsInf(m, 1) {
		return figure(m)
	}
	return "-"
}
