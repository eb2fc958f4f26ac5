package train

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"convgraph/internal/file"
)

// HistoryFile keeps a CSV file of the history up to date, with a row for each epoch.
type HistoryFile struct {
	Base
	Path string
}

// EpochEnd writes the file.
func (h HistoryFile) EpochEnd(s *State) error {
	return file.Write(h.Path, func(w io.Writer) error { return WriteHistory(w, s.History) })
}

// WriteHistory writes rows as CSV, with accuracies as fractions. With a validation set, the column
// validation_acc replaces test_acc. Numbers are the shortest that read back as the same.
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
			strconv.Itoa(r.Epoch), strconv.Itoa(r.Step), shortest(r.TrainLoss), shortest(r.TrainAccuracy),
			shortest(accuracy), fmt.Sprintf("%.3f", r.Seconds),
		})
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
