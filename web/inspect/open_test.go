package inspect_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
	"convgraph/web/inspect"
)

// run writes a folder like trainmnist -keep-epochs, whose params.safetensors equals epoch final.
func run(t *testing.T, epochs, final int) string {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "epochs"), 0o755))
	spec := models.GradientCheckNet().Spec()
	for epoch := range epochs {
		name := filepath.Join(dir, "epochs", fmt.Sprintf("epoch-%03d.safetensors", epoch))
		require.NoError(t, newModel(t, spec, uint64(epoch)).Save(name))
	}
	require.NoError(t, newModel(t, spec, uint64(final)).Save(filepath.Join(dir, "params.safetensors")))
	return filepath.Join(dir, "params.safetensors")
}

func labels(snapshots []inspect.Snapshot) (all []string) {
	for _, s := range snapshots {
		all = append(all, s.Label)
	}
	return all
}

func TestOpen(t *testing.T) {
	params := run(t, 4, 3)
	snapshots, err := inspect.Open(params)
	require.NoError(t, err)
	want := []string{"before learning", "epoch 1", "epoch 2", "after learning"}
	assert.Equal(t, want, labels(snapshots), "epoch 3 is what the training ended with")
	second, err := graph.Load(filepath.Join(filepath.Dir(params), "epochs", "epoch-002.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, second.Params(), snapshots[2].Model.Params())
	_, err = inspect.New(snapshots, nil)
	require.NoError(t, err)

	snapshots, err = inspect.Open(run(t, 4, 1)) // as -keep best does
	require.NoError(t, err)
	assert.Equal(t, []string{"before learning", "epoch 1", "epoch 2", "epoch 3", "after learning"}, labels(snapshots))

	alone := filepath.Join(t.TempDir(), "alone.safetensors")
	require.NoError(t, newModel(t, models.GradientCheckNet().Spec(), 1).Save(alone))
	snapshots, err = inspect.Open(alone)
	require.NoError(t, err)
	assert.Equal(t, []string{"after learning"}, labels(snapshots))
}

func TestOpenPicksEvenly(t *testing.T) {
	snapshots, err := inspect.Open(run(t, 60, 59))
	require.NoError(t, err)
	all := labels(snapshots)
	assert.Len(t, all, 39, "40, less the last epoch, which is what the training ended with")
	assert.Equal(t, []string{"before learning", "epoch 1", "epoch 3"}, all[:3])
	assert.Equal(t, []string{"epoch 57", "after learning"}, all[len(all)-2:])
}

func TestOpenErrors(t *testing.T) {
	_, err := inspect.Open(filepath.Join(t.TempDir(), "none.safetensors"))
	assert.ErrorIs(t, err, os.ErrNotExist)

	params := run(t, 2, 5)
	corrupt := filepath.Join(filepath.Dir(params), "epochs", "epoch-001.safetensors")
	require.NoError(t, os.WriteFile(corrupt, []byte("no"), 0o644))
	_, err = inspect.Open(params)
	assert.ErrorContains(t, err, corrupt+": ")
}

// The built-in network reads digits after training and not before.
func TestDefault(t *testing.T) {
	snapshots, err := inspect.Default()
	require.NoError(t, err)
	assert.Equal(t, []string{"before learning", "epoch 1", "epoch 2", "epoch 4", "epoch 7", "after learning"},
		labels(snapshots))
	_, err = inspect.New(snapshots, nil)
	require.NoError(t, err)

	_, test, err := mnist.Load()
	require.NoError(t, err)
	first := dataset.Take(test, 1000)
	assert.Greater(t, accuracy(t, snapshots[len(snapshots)-1].Model, first), 0.97)
	assert.Less(t, accuracy(t, snapshots[0].Model, first), 0.3)
}

func accuracy(t *testing.T, m *graph.Model, set dataset.Dataset) float64 {
	score, err := train.Evaluate(m, set)
	require.NoError(t, err)
	return score.Accuracy()
}

// The embedded snapshots are small.
func TestDefaultSize(t *testing.T) {
	files, err := filepath.Glob("default/*.safetensors")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var total int64
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		total += info.Size()
	}
	assert.Less(t, total, int64(1_500_000))
}
