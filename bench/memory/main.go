// Command memory prints the peak memory of a training step:
//
//	go run ./bench/memory MODEL BATCH [PATTERN,…]
//
// It makes two steps of SGD with momentum on random images, as torch_memory.py does with
// torchvision's network of the same name. Layers that a pattern matches are computed again in the
// backward half.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/train/solver"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("got %d arguments, want MODEL BATCH [PATTERN,…]", len(args))
	}
	batch, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	spec, err := models.Find(args[0])
	if err != nil {
		return err
	}
	var options []graph.Option
	if len(args) == 3 {
		options = append(options, graph.WithRecompute(strings.Split(args[2], ",")...))
	}
	if err := steps(spec, batch, options...); err != nil {
		return err
	}
	fmt.Printf("peak %.0f MB\n", peakMB())
	return nil
}

// steps makes two training steps.
func steps(spec *graph.Spec, batch int, options ...graph.Option) error {
	m, err := graph.New(spec, options...)
	if err != nil {
		return err
	}
	rule, err := solver.New("momentum", solver.Config{LR: 1e-4})
	if err != nil {
		return err
	}
	s, err := m.NewStep(batch)
	if err != nil {
		return err
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range s.Images().Float32s() {
		s.Images().Float32s()[i] = r.Float32()
	}
	for i := range batch {
		s.Targets().Float32s()[i*m.Classes()+i%m.Classes()] = 1
	}
	for step := range 2 {
		began := time.Now()
		if _, err := s.Run(uint64(step)); err != nil {
			return err
		}
		if err := rule.Step(s.Gradients()); err != nil {
			return err
		}
		fmt.Printf("step %.1f s\n", time.Since(began).Seconds())
	}
	return nil
}
