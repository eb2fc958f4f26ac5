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

// Limits of the snapshots that are loaded; beyond them some are left out, evenly.
const (
	mostSnapshots      = 40
	mostSnapshotBytes  = 1 << 30
	epochsFolder       = "epochs"
	beforeLearning     = "before learning"
	afterLearning      = "after learning"
	defaultDescription = "the network that comes with the program"
)

var epochFile = regexp.MustCompile(`^epoch-(\d{3,6})\.safetensors$`)

// An epochPath is the file of a snapshot.
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

// Open reads a parameter file and the snapshots of its training, if the training left any beside
// it: epochs/epoch-000.safetensors (before learning), epoch-001.safetensors, … It reads at most 40
// snapshots and 1 GB, spread evenly over the training, always with the first and the parameter file
// itself.
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
		if i == min(len(paths), room)-1 && bytes.Equal(data, final) { // the parameter file is the last epoch
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

// epochPaths lists a training's snapshots in order. A missing folder is no error: most trainings
// keep no snapshots.
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

// evenly picks at most n elements, including the first and the last.
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

// Default returns a SimpleConvNet with 16 filters and 50 hidden units, trained on MNIST, with
// snapshots of its training. default/README.md says how it was made.
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
