// Package cli is shared by the commands: their flags, errors and exit codes.
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
	Taken       = 4 // another program uses the folder
	Diverged    = 5 // a training's loss became NaN or infinite
	Interrupted = 130
)

// Exit is an error with its own exit code.
type Exit struct {
	Code int
	Err  error
}

func (e Exit) Error() string { return e.Err.Error() }
func (e Exit) Unwrap() error { return e.Err }

// BestEffort returns a writer to w that hides errors, for progress messages that a command doesn't
// depend on.
func BestEffort(w io.Writer) io.Writer { return bestEffort{w} }

type bestEffort struct{ w io.Writer }

func (b bestEffort) Write(p []byte) (int, error) {
	_, _ = b.w.Write(p)
	return len(p), nil
}

// Usage is an error in the command line, found before any work begins.
type Usage struct{ Err error }

func (u Usage) Error() string { return u.Err.Error() }
func (u Usage) Unwrap() error { return u.Err }

// Usagef returns a formatted Usage error.
func Usagef(format string, args ...any) error { return Usage{fmt.Errorf(format, args...)} }

// ErrInterrupted is the error of a command that a signal ended.
var ErrInterrupted = errors.New("interrupted")

// Failures holds the errors for some of the inputs of a command that did its work on the others.
// Each is a line on stderr.
type Failures []error

func (f Failures) Error() string   { return errors.Join(f...).Error() }
func (f Failures) Unwrap() []error { return f }

// OrNil returns nil if there are no failures.
func (f Failures) OrNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// given decodes a flag of type:"given": it may be omitted but must not be empty, because an empty
// value looks like an omitted one. The tag want says what to give.
func given(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("string", &text); err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("got nothing, want %s", ctx.Value.Tag.Get("want"))
	}
	target.SetString(text)
	return nil
}

// Main parses the arguments into grammar, runs the chosen command and returns the exit code. An
// error is one line on stderr, [Failures] one line each. Each command's Run method gets the bound
// values that it names. An error of stdout becomes the command's error, even if the command ignores
// it.
func Main(grammar any, args []string, stdout, stderr io.Writer, options ...kong.Option) int {
	signal.Ignore(syscall.SIGPIPE) // a closed stdout gives an error message, a closed stderr nothing
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
		fmt.Fprintf(stderr, "%s: %v (see %s -help)\n", parser.Model.Name, err, helpfulCommand(parser, err))
		return BadUsage
	}
	return code(out.join(ctx.Run()), parser.Model.Name, stderr)
}

// helpfulCommand returns the command whose help explains a parse error: the program, or the
// subcommand that the arguments name.
func helpfulCommand(parser *kong.Kong, err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if chosen := parse.Context.Selected(); chosen != nil {
			return chosen.FullPath()
		}
	}
	return parser.Model.Name
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

// longFlags accepts flags in Go's style: -epochs is --epochs. It doesn't touch arguments after a
// lone --.
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

// IsTerminal reports whether a file is a terminal.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
