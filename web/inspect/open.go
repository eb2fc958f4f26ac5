package inspect

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"convgraph/graph"
	"convgraph/internal/file"
)

// Snapshots of a training are kept as long as they are few and small enough; else some of them, evenly.
const (
	mostSnapshots      = 40
	mostSnapshotBytes  = 1 << 30
	epochsFolder       = "epochs"
	beforeLearning     = "before learning"
	afterLearning      = "after learning"
	defaultDescription = "the network that comes with the program"
)

var epochFile = regexp.MustCompile(`^epoch-(\d{3,6})\.safetensors$`)

// An epochPath is a snapshot's file.
type epochPath struct {
	epoch int
	path  string
}

func (p epochPath) label() string {
	if p.epoch == 0 {
		return beforeLearning
	}
	return fmt.Sprintf("epoch %d", p.epoch)
}

// Open reads a parameter file and, where trainmnist -keep-epochs has left them beside it, the snapshots of its training:
// epochs/epoch-000.safetensors (before learning), epoch-001.safetensors, … At most 40 snapshots of 1 GB in all are read, spread evenly over
// the training, the first and the parameter file itself always among them.
func Open(paramsPath string) ([]Snapshot, error) {
	final, err := file.Read(paramsPath)
	if err != nil {
		return nil, err
	}
	paths, err := epochPaths(filepath.Join(filepath.Dir(paramsPath), epochsFolder))
	if err != nil {
		return nil, err
	}
	room := int(min(mostSnapshots, mostSnapshotBytes/int64(len(final)+1))) - 1
	var snapshots []Snapshot
	for i, p := range evenly(paths, room) {
		data, err := file.Read(p.path)
		if err != nil {
			return nil, err
		}
		if i == min(len(paths), room)-1 && bytes.Equal(data, final) { // the training ended with its last epoch's parameters
			break
		}
		if snapshots, err = appendSnapshot(snapshots, p.label(), p.path, data); err != nil {
			return nil, err
		}
	}
	return appendSnapshot(snapshots, afterLearning, paramsPath, final)
}

func appendSnapshot(all []Snapshot, label, path string, data []byte) ([]Snapshot, error) {
	m, err := graph.Read(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return append(all, Snapshot{label, m}), nil
}

// epochPaths lists a training's snapshots in their order. That there is no folder is no error: most trainings keep none.
func epochPaths(dir string) (paths []epochPath, err error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if match := epochFile.FindStringSubmatch(e.Name()); match != nil {
			epoch, _ := strconv.Atoi(match[1]) // at most six digits, so it fits
			paths = append(paths, epochPath{epoch, filepath.Join(dir, e.Name())})
		}
	}
	slices.SortFunc(paths, func(a, b epochPath) int { return a.epoch - b.epoch })
	return paths, nil
}

// evenly picks at most n, the first and the last among them.
func evenly[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	if n <= 1 {
		return all[:max(n, 0)]
	}
	picked := make([]T, n)
	for i := range picked {
		picked[i] = all[i*(len(all)-1)/(n-1)]
	}
	return picked
}

//go:embed default/*.safetensors
var trained embed.FS

// Default is a SimpleConvNet of 16 filters and 50 hidden units, trained on MNIST, with snapshots of its training. The README of the folder
// default says how it was made.
func Default() ([]Snapshot, error) {
	entries, err := trained.ReadDir("default")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", defaultDescription, err)
	}
	var snapshots []Snapshot
	for i, e := range entries {
		data, err := trained.ReadFile("default/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", defaultDescription, err)
		}
		label := afterLearning
		if match := epochFile.FindStringSubmatch(e.Name()); i < len(entries)-1 && match != nil {
			epoch, _ := strconv.Atoi(match[1])
			label = epochPath{epoch: epoch}.label()
		}
		if snapshots, err = appendSnapshot(snapshots, label, e.Name(), data); err != nil {
			return nil, fmt.Errorf("%s: %w", defaultDescription, err)
		}
	}
	return snapshots, nil
}
