// Package cli is what the commands have in common: how flags are written and how a program ends.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"regexp"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of the commands.
const (
	OK          = 0
	Failed      = 1
	BadUsage    = 2
	Refused     = 3 // a folder of results isn't in the state that the command needs
	Taken       = 4 // another program has the folder
	Diverged    = 5 // a training's numbers became NaN or infinite
	Interrupted = 130
)

// An Exit is an error with an exit code of its own.
type Exit struct {
	Code int
	Err  error
}

func (e Exit) Error() string { return e.Err.Error() }
func (e Exit) Unwrap() error { return e.Err }

// BestEffort writes to w what can be written and hides errors: for progress, without which the work
// goes on.
func BestEffort(w io.Writer) io.Writer { return bestEffort{w} }

type bestEffort struct{ w io.Writer }

func (b bestEffort) Write(p []byte) (int, error) {
	_, _ = b.w.Write(p)
	return len(p), nil
}

// A Usage error is the user's: something about the command line, known before any work began.
type Usage struct{ Err error }

func (u Usage) Error() string { return u.Err.Error() }
func (u Usage) Unwrap() error { return u.Err }

// Usagef makes a Usage error.
func Usagef(format string, args ...any) error { return Usage{fmt.Errorf(format, args...)} }

// ErrInterrupted is what a command returns that a signal ended.
var ErrInterrupted = errors.New("interrupted")

// Failures are what went wrong with some of the things a command was given while it did its work on the others. Each is a line on stderr.
type Failures []error

func (f Failures) Error() string   { return errors.Join(f...).Error() }
func (f Failures) Unwrap() []error { return f }

// OrNil is nil if nothing went wrong.
func (f Failures) OrNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// given reads a flag of type:"given", one that may be left out but not be empty: that would be taken for left out. Its tag want says what to give.
func given(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("string", &text); err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("it is empty: want %s", ctx.Value.Tag.Get("want"))
	}
	target.SetString(text)
	return nil
}

// Main parses the arguments into grammar, runs the command that was chosen and gives the exit code. Errors are one line on stderr, [Failures] one
// each. Each command's Run method gets the bound values it names. An error of stdout is the command's, whether it looks at it or not.
func Main(grammar any, args []string, stdout, stderr io.Writer, options ...kong.Option) int {
	signal.Ignore(syscall.SIGPIPE) // a closed stdout is an error with a message, a closed stderr none
	exited, out := -1, &checkedWriter{w: stdout}
	parser, err := kong.New(grammar, append(options,
		kong.NamedMapper("given", kong.MapperFunc(given)),
		kong.Writers(out, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(out, (*io.Writer)(nil)),
	)...)
	if err != nil {
		fmt.Fprintln(stderr, "internal error:", err)
		return Failed
	}
	ctx, err := parser.Parse(longFlags(args))
	switch {
	case out.err != nil: // of the help
		return code(out.err, parser.Model.Name, stderr)
	case exited >= 0:
		return exited
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v (see %s -help)\n", parser.Model.Name, err, parser.Model.Name)
		return BadUsage
	}
	return code(out.join(ctx.Run()), parser.Model.Name, stderr)
}

func code(err error, name string, stderr io.Writer) int {
	if err == nil {
		return OK
	}
	for _, e := range failures(err) {
		fmt.Fprintf(stderr, "%s: %v\n", name, e)
	}
	var usage Usage
	var exit Exit
	switch {
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage):
		return BadUsage
	case errors.Is(err, ErrInterrupted):
		return Interrupted
	}
	return Failed
}

var longFlag = regexp.MustCompile(`^-[a-z][a-z0-9-]+(=|$)`)

// longFlags lets flags be written as Go programs write them: -epochs is --epochs. Nothing after a lone -- is touched.
func longFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			break
		}
		if longFlag.MatchString(a) {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// IsTerminal says whether a file is a terminal.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
