package train

import (
	"cmp"
	"fmt"
	"io"
	"math"
)

// divergenceFactor is the rise of the loss over its lowest value that counts as divergence. No
// schedule, dropout or augmentation makes a loss rise that far.
const divergenceFactor = 10

// watch detects a training that diverges although every number stays finite.
type watch struct {
	lowest  float64 // lowest mean loss of an epoch, or the loss of the run's first step
	highest float64 // highest loss of a step in this run
}

// newWatch begins with the epochs before the training was resumed, if any.
func newWatch(history []Row) watch {
	w := watch{lowest: math.Inf(1)}
	for _, row := range history {
		w.lowest = min(w.lowest, row.TrainLoss)
	}
	return w
}

// step observes the loss of a step.
func (w *watch) step(loss float64) {
	if math.IsInf(w.lowest, 1) {
		w.lowest = loss
	}
	w.highest = max(w.highest, loss)
}

// epoch observes the mean loss of an epoch and the model's predictions for training images, counted
// by class. It describes what looks diverged, or returns "".
//
// A tenfold rise counts only above ln(classes), the cross-entropy of guessing: when a finished
// model is trained further, its loss may rise from 0.001 to 0.01. A single class for every image
// counts only after such a rise: slow networks begin that way.
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
		return fmt.Sprintf("every training image is taken for class %d, after a loss of %.4g that has been %.4g",
			class, w.highest, lowest)
	}
	return ""
}

// onlyClass returns the class with all the answers, if there is one, of at least two classes.
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

// evaluateTraining evaluates the model on training images, and counts its predictions by class.
func (r *run) evaluateTraining() (score Score, answers []int, err error) {
	answers = make([]int, r.Model.Classes())
	score, err = r.count(r.sample(r.Train, cmp.Or(r.EvalTrain, r.EvalSamples)), answers)
	return score, answers, err
}

// Warnings writes a line the first time that [State.Diverging] is set.
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
	_, err := fmt.Fprintf(w.W,
		"warning: the training seems to have diverged in epoch %d: %s; a smaller learning rate may help\n",
		s.Epoch, s.Diverging)
	return err
}
