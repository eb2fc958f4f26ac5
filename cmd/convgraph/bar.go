package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"convgraph/internal/cli"
)

// bar shows on a terminal how far a command is. Elsewhere it shows nothing.
type bar struct{ drawn *progressbar.ProgressBar }

// newBar is a bar of so many things on stderr.
func newBar(total int, what string) bar {
	if total < 2 || !cli.IsTerminal(os.Stderr) {
		return bar{}
	}
	return bar{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(what),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionClearOnFinish(),
	)}
}

func (b bar) describe(format string, args ...any) {
	if b.drawn != nil {
		b.drawn.Describe(fmt.Sprintf(format, args...))
	}
}

func (b bar) add(n int) {
	if b.drawn != nil {
		_ = b.drawn.Add(n) // a terminal that is gone needs no bar
	}
}

func (b bar) end() {
	if b.drawn != nil {
		_ = b.drawn.Finish()
	}
}
