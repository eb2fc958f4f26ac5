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

// WriteHistory writes rows as CSV; accuracies are fractions. Its numbers are the shortest that read back as the same.
func WriteHistory(w io.Writer, rows []Row) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"epoch", "step", "train_loss", "train_acc", "test_acc", "seconds"}); err != nil {
		return err
	}
	for _, r := range rows {
		err := out.Write([]string{
			strconv.Itoa(r.Epoch), strconv.Itoa(r.Step), shortest(r.TrainLoss), shortest(r.TrainAccuracy), shortest(r.TestAccuracy),
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
