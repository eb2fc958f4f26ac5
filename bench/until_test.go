package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/models"
)

// TestMain runs the tests or, if TRAINING is set, a training that prints it and succeeds unless it
// contains "failed".
func TestMain(m *testing.M) {
	says, asked := os.LookupEnv("TRAINING")
	if !asked {
		os.Exit(m.Run())
	}
	os.Stderr.WriteString(says)
	if strings.Contains(says, "failed") {
		os.Exit(1)
	}
}

// saying returns the command of such a training.
func saying(t *testing.T, lines ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "TRAINING="+strings.Join(lines, "\n"))
	return cmd
}

func TestWatch(t *testing.T) {
	ours := []string{
		"recipe fast: -model simpleconvnet -epochs 4",
		"epoch 1/4  loss 0.2000  train 97.00%  test 97.50%  2000 images/s",
		"epoch 2/4  step 700/2400  loss 0.0500  2000 images/s",
		"epoch 2/4  loss 0.0500  train 99.00%  test 98.96%  2000 images/s",
		"epoch 3/4  loss 0.0500  train 99.00%  test 99.10%  2000 images/s",
		"final: test accuracy 99.10% (9910/10000), 3 epochs",
	}
	a, err := watch(saying(t, ours...), 0.9896)
	require.NoError(t, err)
	assert.Equal(t, 2, a.Epoch)
	assert.Equal(t, 0.991, a.Accuracy)
	assert.True(t, a.Seconds > 0 && a.Seconds <= a.Whole, "%v of %v", a.Seconds, a.Whole)

	a, err = watch(saying(t, "epoch 1/1  loss 0.0456  test 98.95%"), 0.9896)
	require.NoError(t, err)
	assert.Zero(t, a.Epoch)
	assert.Zero(t, a.Seconds)
	assert.Equal(t, 0.9895, a.Accuracy)

	_, err = watch(saying(t, "nothing"), 0.9896)
	assert.EqualError(t, err, `no accuracy in its output, whose last line is "nothing"`)
	_, err = watch(saying(t, "epoch 1/1  loss 0.0456  test 98.95%", "it failed"), 0.9896)
	assert.EqualError(t, err, "exit status 1: it failed")
	_, err = watch(exec.Command("no-such-program"), 0.9896)
	assert.Error(t, err)
}

// TestTrainingsOfEveryRecipe: a recipe that PyTorch's script doesn't support is reported, not run
// with other settings.
func TestTrainingsOfEveryRecipe(t *testing.T) {
	for _, name := range models.RecipeNames() {
		r, err := models.RecipeFor(name, untilModel)
		if err != nil {
			continue
		}
		var said strings.Builder
		sides, err := (&harness{present: map[string]bool{"torch": true}}).trainings(t.Context(), name, &said)
		require.NoError(t, err)
		plain := r.Augment == "" && r.Average == 0
		assert.Equal(t, plain, len(sides) == 2, name)
		assert.Equal(t, plain, said.Len() == 0, name)
	}
	_, err := (&harness{}).trainings(t.Context(), "slow", nil)
	assert.ErrorContains(t, err, `recipe "slow" is unknown`)
}

// TestTrainInTurn: the sides alternate, seed by seed.
func TestTrainInTurn(t *testing.T) {
	var order []string
	side := func(name string) training {
		return training{name, func(_ context.Context, seed int) (arrival, error) {
			if seed == 3 {
				return arrival{}, errors.New("out of memory")
			}
			order = append(order, fmt.Sprint(name, seed))
			return arrival{Seconds: float64(seed)}, nil
		}}
	}
	all, err := train(t.Context(), "fast", []training{side("A"), side("B")}, 2, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{"A1", "B1", "A2", "B2"}, order)
	assert.Equal(t, arrival{Recipe: "fast", Side: "B", Seed: 2, Seconds: 2}, all[3])
	_, err = train(t.Context(), "fast", []training{side("A")}, 3, io.Discard)
	assert.EqualError(t, err, "recipe fast, seed 3: A: out of memory")
}

// TestPrintArrivals: a training that never reached the accuracy has no time.
func TestPrintArrivals(t *testing.T) {
	all := []arrival{
		{Recipe: "book", Side: "convgraph", Seed: 1, Seconds: 40.25, Epoch: 12, Whole: 65, Accuracy: 0.9898},
		{Recipe: "book", Side: "PyTorch", Seed: 1, Seconds: 130, Epoch: 13, Whole: 130, Accuracy: 0.9897},
		{Recipe: "fast", Side: "convgraph", Seed: 1, Seconds: 11, Epoch: 4, Whole: 12, Accuracy: 0.99},
		{Recipe: "fast", Side: "convgraph", Seed: 2, Whole: 12.5, Accuracy: 0.9894},
		{Recipe: "fast", Side: "convgraph", Seed: 3, Seconds: 10, Epoch: 4, Whole: 11, Accuracy: 0.9898},
	}
	var out strings.Builder
	require.NoError(t, printArrivals(&out, options{until: 0.9896, threads: 2}, 0, "2.0", all))
	_, table, _ := strings.Cut(out.String(), "\n\n")
	assert.Equal(t, `recipe  side       seed    seconds  epoch  whole run, s  last accuracy
book    convgraph  1       40.2     12     65.0          98.98%
book    PyTorch    1       130      13     130.0         98.97%
book    convgraph  median  40.2            65.0          98.98%
book    PyTorch    median  130             130.0         98.97%
fast    convgraph  1       11       4      12.0          99.00%
fast    convgraph  2       -        -      12.5          98.94%
fast    convgraph  3       10       4      11.0          98.98%
fast    convgraph  median  11              12.0          98.98%
`, table)
	assert.Equal(t, "-", medianTime([]float64{0, 3, 0}))
}
