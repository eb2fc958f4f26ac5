package train

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"convgraph/internal/file"
)

// HistoryFile keeps a CSV file of the training's history up to date, a row an epoch, written whole each time.
type HistoryFile struct {
	Base
	Path string
}

// EpochEnd writes the file.
func (h HistoryFile) EpochEnd(s *State) error {
	return file.Write(h.Path, func(w io.Writer) error { return WriteHistory(w, s.History) })
}

// WriteHistory writes rows as CSV; accuracies are fractions. The column test_acc is called validation_acc, and holds that, in a training with a
// validation set. The numbers are the shortest that read back as the same.
func WriteHistory(w io.Writer, rows []Row) error {
	out, set := csv.NewWriter(w), "test"
	if len(rows) > 0 {
		set, _ = rows[0].HeldOut()
	}
	if err := out.Write([]string{"epoch", "step", "train_loss", "train_acc", set + "_acc", "seconds"}); err != nil {
		return err
	}
	for _, r := range rows {
		_, accuracy := r.HeldOut()
		err := out.Write([]string{
			strconv.Itoa(r.Epoch), strconv.Itoa(r.Step), shortest(r.TrainLoss), shortest(r.TrainAccuracy), shortest(accuracy),
			fmt.Sprintf("%.3f", r.Seconds),
		})
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
