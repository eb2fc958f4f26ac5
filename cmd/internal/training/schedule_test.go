package training

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/dataset"
)

// rates are the learning rates that the flags' schedule gives to steps of a training of four epochs
// of two steps.
func rates(t *testing.T, c Command, r models.Recipe, steps ...int) (rates []float64) {
	t.Helper()
	ds, err := dataset.NewImages([]int{1, 1, 2}, make([]uint8, 8), make([]uint8, 4), 2)
	require.NoError(t, err)
	trainer := &train.Trainer{Train: ds, Epochs: 4, Batch: 2}
	r.LR = 1
	c.schedule(trainer, r)
	for _, s := range steps {
		rates = append(rates, trainer.Schedule.At(s))
	}
	return rates
}

func TestSchedules(t *testing.T) {
	constant, cosine, step := models.Recipe{Schedule: "constant"}, models.Recipe{Schedule: "cosine"},
		models.Recipe{Schedule: "step"}
	oneCycle, plateau := models.Recipe{Schedule: "cosine", Warmup: 3}, models.Recipe{Schedule: "plateau", Warmup: 2}
	assert.Equal(t, []float64{1, 1}, rates(t, Command{}, constant, 0, 7))
	assert.InDeltaSlice(t, []float64{1, 0.5, 0}, rates(t, Command{}, cosine, 0, 4, 8), 1e-12)
	assert.InDeltaSlice(t, []float64{0.25, 0.75, 1, 0.654508497187, 0},
		rates(t, Command{}, oneCycle, 0, 2, 3, 5, 8), 1e-9)
	assert.Equal(t, []float64{1, 1, 0.5, 0.25}, rates(t, Command{DecayEvery: 1, DecayFactor: 0.5}, step, 0, 1, 2, 4))
	assert.Equal(t, []float64{1. / 3, 2. / 3, 1}, rates(t, Command{DecayEvery: 1, DecayFactor: 0.5}, plateau, 0, 1, 2))
}

// TestStopsEarlyWithTheBest trains at a tiny rate, so that the first epoch stays the best.
func TestStopsEarlyWithTheBest(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := trainmnist(t, "-quiet", "-out", dir, "-train-samples", "100", "-test-samples", "50",
		"-batch", "50", "-lr", "1e-9",
		"-schedule", "plateau", "-decay-every", "1", "-warmup", "1", "-epochs", "9", "-early-stop", "2",
		"-keep", "best")
	require.Equal(t, cli.OK, code, stderr)
	assert.Contains(t, stdout, ", 3 epochs, ")

	f, err := os.Open(filepath.Join(dir, "history.csv"))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 4)
	last, err := graph.Load(filepath.Join(dir, "params.safetensors"))
	require.NoError(t, err)
	best, err := graph.Load(filepath.Join(dir, "params-best.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, best.Params()[0].Value.Float32s(), last.Params()[0].Value.Float32s())
}
