// Command scaling estimates a training step on more cores than this machine has:
//
//	go run ./bench/scaling
//
// It runs each model's step on one worker and measures every shard that the kernels give to
// workers, and the time in between. From these it computes the step on more workers with the pool's
// rule: the next shard goes to the first free worker. It ignores what the cores share, above all
// memory, so it is an upper bound, set by the shards and the serial rest. Where this machine has
// the cores, it also measures the step, which shows how good the estimate is; and it measures with
// more workers than cores, which shows the cost of a wrong setting.
//
//	go run ./bench/scaling -busy 2
//
// measures one worker against as many as cores while two other processes use the processor.
//
//	go run -tags mpi ./bench/scaling -ranks
//
// measures two ranks of one worker, started by mpirun, against one process of two workers, in turn,
// and compares the ranks with what the model of [network] predicts.
//
//	go run ./bench/scaling -cluster -draw docs/images/cluster.svg
//
// computes the model's steps on up to 64 machines of 16 cores.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"convgraph/graph"
	"convgraph/internal/kernel"
	"convgraph/models"
	"convgraph/ops"
	"convgraph/train/solver"
)

// workload is a model with the batch and optimizer of the benchmarks, and the number of steps to
// measure.
type workload struct {
	model     string
	batch     int
	optimizer string
	steps     int
}

var workloads = []workload{
	{"simpleconvnet", 100, "adam", 100},
	{"lenet-modern", 100, "adam", 100},
	{"alexnet", 32, "momentum", 3},
}

// workers are the numbers of workers to estimate.
var workers = []int{1, 2, 4, 8, 16, 32, 64}

func main() {
	processes := flag.Int("busy", 0, "measure one worker against -workers while this number of other processes is busy")
	most := flag.Int("workers", runtime.NumCPU(), "workers to compare with one under -busy")
	rounds := flag.Int("rounds", 5, "rounds under -busy and -ranks")
	spinning := flag.Bool("spin", false, "be such a process")
	ranks := flag.Bool("ranks", false,
		"measure two ranks of one worker against one process of two workers, -rounds times")
	launcher := flag.String("launcher", "mpirun --bind-to none", "what starts ranks under -ranks")
	child := flag.String("child", "", "be a process that -ranks compares: a model's name")
	cluster := flag.Bool("cluster", false, "compute a step on up to 64 machines by the model")
	picture := flag.String("draw", "", "SVG file to draw the curve of -cluster in")
	flag.Parse()
	var err error
	switch {
	case *child != "":
		err = measureChild(*child)
	case *ranks:
		err = compareRanks(*launcher, *rounds)
	case *cluster:
		err = estimateCluster(*picture)
	case *spinning:
		spin()
	case *processes > 0:
		err = busy(*processes, *most, *rounds)
	default:
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

func run() error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(out, "model\tstep on 1, ms\tserial\tregions\tleast shards")
	for _, n := range workers[1:] {
		fmt.Fprintf(out, "\tx on %d", n)
	}
	for _, n := range measured() {
		fmt.Fprintf(out, "\tmeasured on %d", n)
	}
	fmt.Fprintln(out)
	for _, w := range workloads {
		fmt.Fprintln(os.Stderr, w.model)
		if err := row(out, w); err != nil {
			return fmt.Errorf("%s: %w", w.model, err)
		}
	}
	return out.Flush()
}

// measured returns the numbers of workers to measure: all cores, and many more.
func measured() []int { return []int{runtime.NumCPU(), 16 * runtime.NumCPU()} }

func row(out *tabwriter.Writer, w workload) error {
	step, err := newStep(w, nil)
	if err != nil {
		return err
	}
	t, err := traced(step, w.steps)
	if err != nil {
		return err
	}
	fmt.Fprintf(
		out, "%s\t%.2f\t%.1f%%\t%d\t%d", w.model, milliseconds(t.on(1)), 100*float64(t.serial)/float64(t.on(1)),
		len(t.regions), t.leastShards(),
	)
	for _, n := range workers[1:] {
		fmt.Fprintf(out, "\t%.1f", float64(t.on(1))/float64(t.on(n)))
	}
	times, err := alternated(step, w.steps, append([]int{1}, measured()...))
	if err != nil {
		return err
	}
	for _, d := range times[1:] {
		fmt.Fprintf(out, "\t%.2f", float64(times[0])/float64(d))
	}
	fmt.Fprintln(out)
	return nil
}

// newStep returns a training step, with the update, on random images: of the whole batch, or of the
// part that one of several peers computes. It runs the step once, which allocates the buffers of
// all later ones.
func newStep(w workload, peers ops.Peers) (step func() error, err error) {
	gradients, update, err := newHalves(w, peers)
	if err != nil {
		return nil, err
	}
	step = func() error {
		if err := gradients(); err != nil {
			return err
		}
		return update()
	}
	return step, step()
}

// newHalves returns a training step's two halves.
func newHalves(w workload, peers ops.Peers) (gradients, update func() error, err error) {
	spec, err := models.ByName(w.model)
	if err != nil {
		return nil, nil, err
	}
	m, err := graph.New(spec)
	if err != nil {
		return nil, nil, err
	}
	rule, err := solver.New(w.optimizer, solver.Config{LR: 1e-4})
	if err != nil {
		return nil, nil, err
	}
	images, options, part := w.batch, []graph.StepOption(nil), (*ops.Part)(nil)
	if peers != nil {
		if part, err = ops.NewPart(w.batch, 1, peers); err != nil {
			return nil, nil, err
		}
		_, images = part.Images()
		options = append(options, graph.WithPart(part))
	}
	s, err := m.NewStep(w.batch, options...)
	if err != nil {
		return nil, nil, err
	}
	if part != nil {
		rule.Share(part)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range s.Images().Float32s() {
		s.Images().Float32s()[i] = r.Float32()
	}
	for i := range images {
		s.Targets().Float32s()[i*m.Classes()+i%m.Classes()] = 1
	}
	gradients = func() error { _, err := s.Run(0); return err }
	update = func() error { return rule.Step(s.Gradients()) }
	return gradients, update, nil
}

// trace is a step on one worker: the shards that more workers could share, and the time of the
// rest.
type trace struct {
	regions []kernel.Region
	serial  time.Duration
}

// traced runs steps and keeps the least time of each part: other programs disturbed it least.
func traced(step func() error, steps int) (t trace, err error) {
	for i := range steps {
		began := time.Now()
		var failed error
		regions := kernel.Trace(func() { failed = step() })
		if failed != nil {
			return t, failed
		}
		serial := time.Since(began)
		for _, r := range regions {
			serial -= total(r)
		}
		if i == 0 {
			t = trace{regions, serial}
			continue
		}
		if t.serial = min(t.serial, serial); len(regions) != len(t.regions) {
			return t, fmt.Errorf("step: got %d parallel calls, want %d as in the first", len(regions), len(t.regions))
		}
		for r, region := range regions {
			for s, d := range region {
				t.regions[r][s] = min(t.regions[r][s], d)
			}
		}
	}
	return t, nil
}

// on returns the time of the step on n workers.
func (t trace) on(n int) time.Duration {
	all := t.serial
	for _, r := range t.regions {
		all += makespan(r, n)
	}
	return all
}

func (t trace) leastShards() int {
	least := len(t.regions[0])
	for _, r := range t.regions {
		least = min(least, len(r))
	}
	return least
}

// makespan returns the time at which the last of n workers ends, each taking the next shard when it
// is free.
func makespan(r kernel.Region, n int) time.Duration {
	free := make([]time.Duration, n) // the time at which each worker is free
	for _, d := range r {
		first := slices.Index(free, slices.Min(free))
		free[first] += d
	}
	return slices.Max(free)
}

func total(r kernel.Region) (sum time.Duration) {
	for _, d := range r {
		sum += d
	}
	return sum
}

// alternated measures the step with each number of workers in turn and returns the medians.
func alternated(step func() error, steps int, numbers []int) ([]time.Duration, error) {
	defer kernel.SetWorkers(0)
	const rounds = 5
	times := make([][]time.Duration, len(numbers))
	for range rounds {
		for i, n := range numbers {
			kernel.SetWorkers(n)
			for range max(1, steps/rounds) {
				began := time.Now()
				if err := step(); err != nil {
					return nil, err
				}
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	medians := make([]time.Duration, len(numbers))
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
	}
	return medians, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
