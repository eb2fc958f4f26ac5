package train

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// ProgressBar draws a bar on a terminal, with loss, accuracy, images per second and the time left.
type ProgressBar struct {
	Base
	W io.Writer

	bar      *progressbar.ProgressBar
	accuracy string
}

// TrainBegin draws the empty bar.
func (p *ProgressBar) TrainBegin(s *State) error {
	p.bar = progressbar.NewOptions(s.Steps()*s.Batch,
		progressbar.OptionSetWriter(p.W),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("images"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(p.W) }),
	)
	return p.bar.Set(s.Step * s.Batch)
}

// StepEnd advances the bar.
func (p *ProgressBar) StepEnd(s *State) error {
	p.bar.Describe(fmt.Sprintf("epoch %d/%d  loss %.4f%s%s", s.Epoch, s.Trainer.Epochs, s.MeanLoss, p.accuracy,
		skipped(s)))
	return p.bar.Add(s.Batch)
}

// EpochEnd shows the new accuracy.
func (p *ProgressBar) EpochEnd(s *State) error {
	set, accuracy := s.History[len(s.History)-1].HeldOut()
	p.accuracy = fmt.Sprintf("  %s %.2f%%", set, 100*accuracy)
	if s.Diverging != "" {
		return p.bar.Clear() // the next line is a warning
	}
	return nil
}

// ProgressLines writes a line after each epoch, for logs and pipes. Within an epoch it writes a
// line every half minute, the first one after three seconds.
type ProgressLines struct {
	Base
	W io.Writer

	began  int           // step at the beginning of this run
	before time.Duration // duration of earlier runs, if the training was resumed
	next   time.Duration // when a line within an epoch is due
}

const (
	firstLineAfter = 3 * time.Second
	linesEvery     = 30 * time.Second
)

// TrainBegin records where the run begins.
func (p *ProgressLines) TrainBegin(s *State) error {
	p.began, p.before, p.next = s.Step, s.Elapsed, s.Elapsed+firstLineAfter
	return nil
}

// StepEnd writes a line if one is due.
func (p *ProgressLines) StepEnd(s *State) error {
	if s.Elapsed < p.next || s.Step == s.EpochBegan+s.EpochSteps {
		return nil
	}
	p.next = s.Elapsed + linesEvery
	_, err := fmt.Fprintf(p.W, "epoch %d/%d  step %d/%d  loss %.4f%s  %s\n",
		s.Epoch, s.Trainer.Epochs, s.Step, s.Steps(), s.MeanLoss, skipped(s), p.pace(s))
	return err
}

// EpochEnd writes the epoch's line.
func (p *ProgressLines) EpochEnd(s *State) error {
	p.next = s.Elapsed + linesEvery
	row := s.History[len(s.History)-1]
	set, accuracy := row.HeldOut()
	_, err := fmt.Fprintf(p.W, "epoch %d/%d  loss %.4f  train %.2f%%  %s %.2f%%%s  %s\n",
		row.Epoch, s.Trainer.Epochs, row.TrainLoss, 100*row.TrainAccuracy, set, 100*accuracy, skipped(s), p.pace(s))
	return err
}

// skipped formats the number of skipped steps in this epoch, if any.
func skipped(s *State) string {
	if s.Skipped == 0 {
		return ""
	}
	return fmt.Sprintf("  skipped for NaN %d", s.Skipped)
}

func (p *ProgressLines) pace(s *State) string {
	done := s.Step - p.began
	perSecond := float64(done) / (s.Elapsed - p.before).Seconds()
	left := time.Duration(float64(s.Steps()-s.Step) / perSecond * float64(time.Second))
	return fmt.Sprintf("%.0f images/s  ETA %s", perSecond*float64(s.Batch), left.Round(time.Second))
}
