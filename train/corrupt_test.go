package train

import (
	"bytes"
	"context"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/internal/testutil"
	"convgraph/train/solver"
)

var update = flag.Bool("update", false, "rewrite the table in docs/corrupt.md")

// TestErrorTable makes the table of corrupt checkpoints in docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	_, data := written(t, t.TempDir())
	read := func(data []byte) error {
		_, err := readCheckpoint(testutil.WriteFile(t, "checkpoint-000000004.safetensors", data))
		return err
	}
	flipped := bytes.Clone(data)
	flipped[len(data)-9] ^= 1
	empty, corrupt := t.TempDir(), t.TempDir()
	_, none := LatestCheckpoint(empty, nil)
	require.NoError(t, os.WriteFile(checkpointPath(corrupt, 4), nil, 0o644))
	_, all := LatestCheckpoint(corrupt, func(error) {})

	whole, err := decodeCheckpoint(data)
	require.NoError(t, err)
	resumed := func(change func(*Trainer)) error {
		tr := trainer(t, small())
		change(tr)
		tr.Resume = whole
		_, err := tr.Run(context.Background())
		return err
	}
	testutil.CheckErrorTable(t, "checkpoints", *update, []testutil.ErrorCase{
		{What: "empty file", Err: read(nil)},
		{What: "cut off", Err: read(data[:len(data)-1])},
		{What: "a flipped bit", Err: read(flipped)},
		{What: "no checkpoint", Err: none},
		{What: "no whole checkpoint", Err: all},
		{What: "another network's", Err: resumed(func(tr *Trainer) { tr.Model = trainer(t, withDropout()).Model })},
		{What: "of another batch or data", Err: resumed(func(tr *Trainer) { tr.Batch = 9 })},
		{What: "of another optimizer",
			Err: resumed(func(tr *Trainer) { tr.Solver, _ = solver.New("sgd", solver.Config{LR: 1}) })},
	})
}
