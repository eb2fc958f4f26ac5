package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server is convgraph serve as a process of its own.
type server struct {
	addr string
	stop func() error // ends it, and wants it to end well
}

// startServer builds and starts the program.
func startServer(ctx context.Context, params string) (*server, error) {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "convgraph")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "convgraph/cmd/convgraph")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // pure Go, also where the race detector tests this program
	if output, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build: %w: %s", err, output), os.RemoveAll(dir))
	}
	args := []string{"serve", "-addr", "127.0.0.1:0", "-max-connections", "2048", "-max-client-connections", "2048"}
	if params != "" {
		args = append(args, params)
	}
	command := exec.Command(program, args...)
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &server{stop: sync.OnceValue(func() error {
		return errors.Join(command.Process.Signal(os.Interrupt), command.Wait(), os.RemoveAll(dir))
	})}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("convgraph serve didn't start: %w", err), s.stop())
	}
	_, url, _ := strings.Cut(line, "http://")
	s.addr = strings.TrimSuffix(strings.TrimSpace(url), "/")
	return s, nil
}

// figures are what /metrics says of the server.
type figures struct {
	ResidentMB float64 `json:"resident_mb"` // memory of the process, in 10⁶ bytes; 0 where the system doesn't tell
	HeapMB     float64 `json:"heap_mb"`     // of Go's heap, in 10⁶ bytes
	Goroutines float64 `json:"goroutines"`
	images     float64
	batches    float64
}

func (s *server) figures() (figures, error) {
	answer, err := http.Get("http://" + s.addr + "/metrics")
	if err != nil {
		return figures{}, err
	}
	defer answer.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = v
		}
	}
	return figures{
		ResidentMB: values["process_resident_memory_bytes"] / 1e6, HeapMB: values["go_memstats_heap_inuse_bytes"] / 1e6,
		Goroutines: values["go_goroutines"],
		images:     values["convgraph_predict_images_total"], batches: values["convgraph_predict_batch_images_count"],
	}, lines.Err()
}

// watchMemory looks at the server's resident memory four times a second until stop, which gives
// what it saw.
func (s *server) watchMemory() (stop func() []float64) {
	over, seen := make(chan struct{}), make(chan []float64)
	go func() {
		var megabytes []float64
		ticks := time.NewTicker(250 * time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-over:
				seen <- megabytes
				return
			case <-ticks.C:
				if f, err := s.figures(); err == nil && f.ResidentMB > 0 { // a server that has ended is the run's error
					megabytes = append(megabytes, f.ResidentMB)
				}
			}
		}
	}()
	return func() []float64 {
		close(over)
		return <-seen
	}
}
