package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"convgraph/internal/cli"
)

// bar is a progress bar on a terminal. Elsewhere it shows nothing.
type bar struct{ drawn *progressbar.ProgressBar }

// newBar returns a bar that counts to total on stderr.
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
		_ = b.drawn.Add(n) // a closed terminal needs no bar
	}
}

func (b bar) end() {
	if b.drawn != nil {
		_ = b.drawn.Finish()
	}
}
