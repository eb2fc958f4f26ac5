package train

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

// sealed is a set that can't be read before it is opened.
type sealed struct {
	dataset.Dataset
	open *bool
}

func (s sealed) Sample(i int, dst []float32) (int, error) {
	if !*s.open {
		return 0, errors.New("the test set is sealed")
	}
	return s.Dataset.Sample(i, dst)
}

// opener opens the seal at the training's end.
type opener struct {
	Base
	open *bool
}

func (o opener) TrainEnd(*State) error {
	*o.open = true
	return nil
}

// TestValidationReplacesTheTestSet: epochs are measured on the validation set, and the best is
// chosen by it. The test set is used once, at the end.
func TestValidationReplacesTheTestSet(t *testing.T) {
	dir := t.TempDir()
	tr := wayward(t, dir)
	open := false
	tr.Validation = images(t, tensor.Shape{1, 2, 4}, 20, 3, 11)
	tr.Test = sealed{tr.Test, &open}
	var lines bytes.Buffer
	tr.Callbacks = append(tr.Callbacks, &ProgressLines{W: &lines}, opener{open: &open})
	result, err := tr.Run(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 6, result.Test.Total)
	best := tr.Callbacks[0].(*EarlyStop).best
	chosen, greatest := 0, 0.
	for _, row := range result.History {
		set, accuracy := row.HeldOut()
		assert.Equal(t, "validation", set)
		assert.Zero(t, row.TestAccuracy)
		if accuracy > greatest {
			chosen, greatest = row.Epoch, accuracy
		}
	}
	assert.Equal(t, chosen, best.Epoch)
	assert.Equal(t, greatest, best.Accuracy)
	measured, err := Evaluate(tr.Model, tr.Validation)
	require.NoError(t, err)
	assert.Equal(t, greatest, measured.Accuracy(), "the model is the best epoch's")
	assert.Contains(t, lines.String(), "%  validation ")

	var table bytes.Buffer
	require.NoError(t, WriteHistory(&table, result.History))
	assert.Contains(t, table.String(), "epoch,step,train_loss,train_acc,validation_acc,seconds\n")
}

func TestValidationSetOfAnotherShape(t *testing.T) {
	tr := trainer(t, small())
	tr.Validation = images(t, tensor.Shape{1, 2, 5}, 4, 3, 11)
	assert.ErrorContains(t, tr.Check(), "the validation set has (1, 2, 5)")
}
