package train

import (
	"fmt"
	"io"
	"math"
)

// divergenceFactor is how many times its lowest value the loss must reach before a training is
// taken for diverged. No schedule, dropout or augmentation makes a loss rise so far.
const divergenceFactor = 10

// watch looks for a training that has diverged although every number stays finite.
type watch struct {
	lowest  float64 // mean loss of an epoch so far, or the loss of the run's first step
	highest float64 // loss of a step of this run
}

// newWatch begins with the epochs that are done already: a resumed training compares with them.
func newWatch(history []Row) watch {
	w := watch{lowest: math.Inf(1)}
	for _, row := range history {
		w.lowest = min(w.lowest, row.TrainLoss)
	}
	return w
}

// step sees the loss of one step.
func (w *watch) step(loss float64) {
	if math.IsInf(w.lowest, 1) {
		w.lowest = loss
	}
	w.highest = max(w.highest, loss)
}

// epoch sees the mean loss of an epoch and the model's answers on training images after it. It says
// what looks diverged; "" if nothing does.
//
// A loss that rose tenfold counts only above ln(classes), the cross-entropy of guessing: when a
// finished model is trained further, 0.001 may well become 0.01. One class for every image counts
// only after such a rise: slow networks begin that way.
func (w *watch) epoch(mean float64, answers []int) string {
	lowest := w.lowest
	w.lowest = min(w.lowest, mean)
	rose := func(loss float64) bool {
		return loss >= divergenceFactor*lowest && loss > math.Log(float64(len(answers)))
	}
	class, alone := onlyClass(answers)
	switch {
	case rose(mean):
		return fmt.Sprintf("the mean loss is %.4g, it has been %.4g", mean, lowest)
	case alone && rose(w.highest):
		return fmt.Sprintf("every training image is taken for class %d, after a loss of %.4g that has been %.4g", class, w.highest, lowest)
	}
	return ""
}

// onlyClass is the one class with any answers, of at least two classes.
func onlyClass(answers []int) (class int, alone bool) {
	classes := 0
	for i, n := range answers {
		if n > 0 {
			class = i
			classes++
		}
	}
	return class, classes == 1 && len(answers) > 1
}

// evaluateTraining measures the model on training images and counts its answers by class.
func (r *run) evaluateTraining() (score Score, answers []int, err error) {
	answers = make([]int, r.Model.Classes())
	score, err = r.count(r.sample(r.Train), answers)
	return score, answers, err
}

// Warnings writes a line when a training has diverged although its numbers are finite, the first
// time that [State.Diverging] says so.
type Warnings struct {
	Base
	W io.Writer

	warned bool
}

// EpochEnd writes the line.
func (w *Warnings) EpochEnd(s *State) error {
	if s.Diverging == "" || w.warned {
		return nil
	}
	w.warned = true
	_, err := fmt.Fprintf(w.W, "warning: the training seems to have diverged in epoch %d: %s; a smaller learning rate may help\n", s.Epoch, s.Diverging)
	return err
}
