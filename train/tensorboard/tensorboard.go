// Package tensorboard is a training callback that writes the loss, accuracies, learning rate,
// filters and weights for TensorBoard.
//
//	tensorboard --logdir DIR
//
// TensorBoard 2.21 reads its files: scalars, pictures and histograms.
package tensorboard

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"convgraph/graph"
	"convgraph/train"
	"convgraph/viz"
)

// Board is the callback. It writes one event file for each run into its folder: the loss and the
// learning rate of every step and, after each epoch, the mean loss, the accuracies, a histogram of
// each parameter and a picture of the first convolution's filters, if there is one. A resumed
// training discards what an earlier run wrote for later steps.
type Board struct {
	train.Base
	dir  string
	now  func() time.Time
	file *os.File
}

// New returns a callback that writes into dir, which it creates.
func New(dir string) *Board { return &Board{dir: dir, now: time.Now} }

// TrainBegin begins the file, with the initial parameters if the training is new.
func (b *Board) TrainBegin(s *train.State) error {
	if err := b.open(); err != nil {
		return err
	}
	if err := b.write(newEvent(b.now(), 0).version()); err != nil {
		return err
	}
	if s.Step > 0 {
		return b.write(newEvent(b.now(), s.Step+1).start())
	}
	if err := b.write(newEvent(b.now(), 0).start()); err != nil {
		return err
	}
	return b.show(s, nil)
}

func (b *Board) open() error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", b.now().Unix(), host, os.Getpid(), b.now().Nanosecond())
	if b.file, err = os.Create(filepath.Join(b.dir, name)); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

// StepEnd writes the step's loss and learning rate.
func (b *Board) StepEnd(s *train.State) error {
	return b.write(newEvent(b.now(), s.Step).summary(
		scalar("step/loss", s.Loss), scalar("step/learning rate", s.Trainer.Solver.LR()),
	))
}

// EpochEnd writes the epoch's figures and pictures.
func (b *Board) EpochEnd(s *train.State) error {
	row := s.History[len(s.History)-1]
	set, accuracy := row.HeldOut()
	return b.show(s, []value{
		scalar("epoch/loss", row.TrainLoss), scalar("epoch/train accuracy", row.TrainAccuracy), scalar(
			"epoch/"+set+" accuracy", accuracy,
		),
	})
}

// show writes values with the state of the parameters. TensorBoard allows one kind of data for a
// tag, so histograms and filters have their own tags.
func (b *Board) show(s *train.State, values []value) error {
	for _, p := range s.Model.Params() {
		values = append(values, histogram("parameters/"+p.Name, count(p.Value.Float32s())))
	}
	filters, err := pictures(s.Model)
	if err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return b.write(newEvent(b.now(), s.Step).summary(append(values, filters...)...))
}

// pictures returns the filters of the first convolution, or nil if there is none.
func pictures(m *graph.Model) ([]value, error) {
	for _, p := range m.Params() {
		s := p.Value.Shape()
		if s.Dims() != 4 {
			continue
		}
		img, err := viz.FilterGrid{Filters: viz.Filters{
			Out: s[0], In: s[1], Height: s[2], Width: s[3], Data: p.Value.Float32s(),
		}}.Image()
		if err != nil {
			return nil, err
		}
		v, err := picture("filters/"+p.Name, img)
		return []value{v}, err
	}
	return nil, nil
}

// TrainEnd closes the file.
func (b *Board) TrainEnd(*train.State) error { return b.Close() }

// Interrupted closes the file.
func (b *Board) Interrupted(*train.State) error { return b.Close() }

// Close closes the file, also after a training that ended with an error. It may be called more than
// once.
func (b *Board) Close() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

func (b *Board) write(e event) error {
	if err := writeRecord(b.file, e); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}
