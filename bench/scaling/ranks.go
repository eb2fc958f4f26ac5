package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"convgraph/internal/kernel"
	"convgraph/internal/mpi"
	"convgraph/ops"
	"convgraph/train/ranks"
)

// rankedWorkloads are the trainings that ranks share, with the number of steps to measure.
var rankedWorkloads = []workload{
	{"simpleconvnet", 200, "adam", 500},
	{"alexnet", 32, "momentum", 8},
}

// asRank is the variable that makes a process of -child a rank.
const asRank = "CONVGRAPH_SCALING_RANK"

// measurement is what a child measures: medians over its steps.
type measurement struct {
	Step, Exchanges, Update time.Duration
	Latency                 time.Duration // of a message of 4 bytes
	Bandwidth               float64       // of a large one, bytes per second
}

// compareRanks measures two ranks of one worker against one process of two workers.
func compareRanks(launcher string, rounds int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, w := range rankedWorkloads {
		var alone, together []measurement
		var ratios []float64
		for range rounds {
			a, err := runChild(exec.Command(self, "-child", w.model))
			if err != nil {
				return err
			}
			command := append(strings.Fields(launcher), "-n", "2", self, "-child", w.model)
			child := exec.Command(command[0], command[1:]...)
			child.Env = append(os.Environ(), asRank+"=1", "OMPI_ALLOW_RUN_AS_ROOT=1",
				"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
			b, err := runChild(child)
			if err != nil {
				return err
			}
			alone, together = append(alone, a), append(together, b)
			ratios = append(ratios, float64(a.Step)/float64(b.Step))
		}
		if err := report(w, alone, together, ratios); err != nil {
			return err
		}
	}
	return nil
}

func runChild(c *exec.Cmd) (m measurement, err error) {
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return m, fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return m, json.Unmarshal(text, &m)
}

func report(w workload, alone, together []measurement, ratios []float64) error {
	medianOf := func(all []measurement, part func(measurement) float64) float64 {
		var values []float64
		for _, m := range all {
			values = append(values, part(m))
		}
		return median(values)
	}
	step := func(m measurement) float64 { return milliseconds(m.Step) }
	shareOf := func(part func(measurement) time.Duration) float64 {
		return 100 * medianOf(together, func(m measurement) float64 { return float64(part(m)) / float64(m.Step) })
	}
	fmt.Printf("%s, batch %d, medians of %d rounds:\n", w.model, w.batch, len(ratios))
	fmt.Printf("  one process of 2 workers %.2f ms a step, 2 ranks of 1 worker %.2f ms; "+
		"speed of the ranks %.3f (%.3f to %.3f)\n",
		medianOf(alone, step), medianOf(together, step), median(ratios), slices.Min(ratios), slices.Max(ratios))
	fmt.Printf("  of a rank's step, exchanges %.1f%%, the update %.1f%%\n",
		shareOf(func(m measurement) time.Duration { return m.Exchanges }),
		shareOf(func(m measurement) time.Duration { return m.Update }))
	here := network{
		latency:   time.Duration(medianOf(together, func(m measurement) float64 { return float64(m.Latency) })),
		bandwidth: medianOf(together, func(m measurement) float64 { return m.Bandwidth }),
	}
	of, err := exchanges(w, 2)
	if err != nil {
		return err
	}
	compute, err := newStep(w, &absentPeers{ranks: 2})
	if err != nil {
		return err
	}
	t, err := traced(compute, min(w.steps, 10))
	if err != nil {
		return err
	}
	fmt.Printf("  the model predicts %.2f ms for the ranks: %.2f ms of computation, and beside it "+
		"%.2f ms of %d exchanges at %v and %.1f GB/s\n",
		milliseconds(here.step(of, t.on(1), 2)), milliseconds(t.on(1)), milliseconds(here.all(of, 2)), len(of.events)/2,
		here.latency, here.bandwidth/1e9)
	return nil
}

// measureChild measures steps as one process of two workers, or as a rank of one.
func measureChild(model string) error {
	w := rankedWorkloads[slices.IndexFunc(rankedWorkloads, func(w workload) bool { return w.model == model })]
	if os.Getenv(asRank) == "" {
		kernel.SetWorkers(2)
		m, err := measureSteps(w, nil)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(m)
	}
	world, err := mpi.Start()
	if err != nil {
		return err
	}
	kernel.SetWorkers(1)
	m, err := measureRank(w, world)
	if rank, _ := world.Rank(); err == nil && rank == 0 {
		err = json.NewEncoder(os.Stdout).Encode(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		world.Abort(1)
	}
	world.Exit(0)
	return nil
}

func measureRank(w workload, world *mpi.World) (measurement, error) {
	timed := &ranks.Timed{Peers: world}
	m, err := measureSteps(w, timed)
	if err != nil {
		return m, err
	}
	small, err := timeGather(world, 4)
	if err != nil {
		return m, err
	}
	const large = 32 << 20
	long, err := timeGather(world, large)
	m.Latency, m.Bandwidth = small, large/2/long.Seconds()
	return m, err
}

// timeGather returns the median time of a Gather of this many bytes. Each of two ranks has half of
// them.
func timeGather(p ops.Peers, bytes int) (time.Duration, error) {
	const times = 21
	data, at := make([]byte, bytes), []int{0, bytes / 2, bytes}
	var all []time.Duration
	for range times {
		began := time.Now()
		call, err := p.BeginGather(data, at)
		if err != nil {
			return 0, err
		}
		if err := p.Finish(call); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[times/2], nil
}

func measureSteps(w workload, peers *ranks.Timed) (m measurement, err error) {
	var others ops.Peers
	if peers != nil {
		others = peers
	}
	gradients, update, err := newHalves(w, others)
	if err != nil {
		return m, err
	}
	var steps, exchanges, updates []time.Duration
	for i := range w.steps + 1 {
		began, spent := time.Now(), time.Duration(0)
		if peers != nil {
			spent = peers.Spent
		}
		if err := gradients(); err != nil {
			return m, err
		}
		computed := time.Now()
		if err := update(); err != nil {
			return m, err
		}
		if i == 0 {
			continue // it allocates
		}
		steps, updates = append(steps, time.Since(began)), append(updates, time.Since(computed))
		if peers != nil {
			exchanges = append(exchanges, peers.Spent-spent)
		}
	}
	m = measurement{Step: medianTime(steps), Update: medianTime(updates)}
	if peers != nil {
		m.Exchanges = medianTime(exchanges)
	}
	return m, nil
}

func medianTime(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
