package train

import "errors"

// ErrDiverged is the error of a training whose loss, gradients or parameters became NaN or infinite.
// The same training ends the same way again.
var ErrDiverged = errors.New("diverged")

// divergence is ErrDiverged with its own text.
type divergence struct{ error }

func (d divergence) Unwrap() []error { return []error{d.error, ErrDiverged} }

// MarkFinished marks the newest checkpoint of a folder as that of a finished training, whose results
// are written.
func MarkFinished(dir string) error {
	c, err := LatestCheckpoint(dir, nil)
	if err != nil || c.Finished {
		return err
	}
	c.Finished = true
	return c.write(dir)
}
