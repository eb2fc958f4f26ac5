package training

import (
	"fmt"
	"io"
	"strings"

	"convgraph/train"
)

// keptEpoch returns the epoch whose parameters a training ends with.
func keptEpoch(t *train.Trainer, r *train.Result) int {
	for _, callback := range t.Callbacks {
		if best, ok := callback.(*train.KeepBest); ok && best.Epoch() > 0 {
			return best.Epoch()
		}
	}
	return len(r.History)
}

// conclude prints which epoch is kept, why the training ended, and a next command.
func (c *Command) conclude(w io.Writer, t *train.Trainer, r *train.Result, out *output) error {
	epoch := keptEpoch(t, r)
	if epoch == 0 {
		return nil
	}
	row := r.History[epoch-1]
	set, accuracy := row.HeldOut()
	why := ", the last"
	if c.Keep == "best" {
		why = ", the best"
	}
	lines := []string{
		fmt.Sprintf("kept: epoch %d of %d%s, %s accuracy %.2f%% of %d images%s",
			epoch, len(r.History), why, set, 100*accuracy, row.HeldOutImages, averaged(t)),
		"ended: " + c.ending(t, r),
		"next: " + c.next(out),
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// averaged notes that the final parameters are an average, if they are.
func averaged(t *train.Trainer) string {
	for _, callback := range t.Callbacks {
		if average, ok := callback.(*train.Average); ok {
			return fmt.Sprintf(" before averaging (-average %g)", average.Decay)
		}
	}
	return ""
}

// ending explains why the training ended.
func (c *Command) ending(t *train.Trainer, r *train.Result) string {
	if n := len(r.History); n < t.Epochs {
		return fmt.Sprintf("-early-stop: no better validation accuracy in %d epochs, %d of %d epochs done",
			c.EarlyStop, n, t.Epochs)
	}
	return fmt.Sprintf("all %d epochs are done", t.Epochs)
}

// next suggests commands for the trained network.
func (c *Command) next(out *output) string {
	params := quoted(out.path("params.safetensors"))
	return "convgraph predict " + params + " PICTURE, or convgraph serve " + params
}

// quoted quotes a path for a shell, if necessary.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t'\"$&;()*?[]<>|`") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
