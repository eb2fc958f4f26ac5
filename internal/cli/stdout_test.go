package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// careless prints three lines and checks no error.
type careless struct {
	Fail bool `help:"Fail, too."`
}

var errOwn = errors.New("the command's own")

func (c *careless) Run(stdout io.Writer) error {
	for i := range 3 {
		fmt.Fprintln(stdout, "line", i)
	}
	if c.Fail {
		return errOwn
	}
	return nil
}

// full accepts a number of writes, then fails.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	if f.room--; f.room < 0 {
		return 0, errors.New("no room")
	}
	return f.Buffer.Write(p)
}

func TestFailedWritesAreTheCommands(t *testing.T) {
	for _, c := range []struct {
		args           []string
		room           int
		code           int
		stdout, stderr string
	}{
		{nil, 3, cli.OK, "line 0\nline 1\nline 2\n", ""},
		{nil, 2, cli.Failed, "line 0\nline 1\n", "careless: no room\n"},
		{[]string{"-fail"}, 1, cli.Failed, "line 0\n", "careless: the command's own\ncareless: no room\n"},
		{[]string{"-fail"}, 3, cli.Failed, "line 0\nline 1\nline 2\n", "careless: the command's own\n"},
		{[]string{"-help"}, 0, cli.Failed, "", "careless: no room\n"},
	} {
		stdout, stderr := &full{room: c.room}, &bytes.Buffer{}
		code := cli.Main(&careless{}, c.args, stdout, stderr, kong.Name("careless"))
		assert.Equal(t, c.code, code, "%v", c.args)
		assert.Equal(t, c.stdout, stdout.String())
		assert.Equal(t, c.stderr, stderr.String())
	}
}

// asProgram makes the test binary run as the program careless.
const asProgram = "CLI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(cli.Main(&careless{}, os.Args[1:], os.Stdout, os.Stderr, kong.Name("careless")))
	}
	os.Exit(m.Run())
}

func program(t *testing.T) (command *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	command, stderr = exec.Command(self), &bytes.Buffer{}
	command.Env, command.Stderr = append(os.Environ(), asProgram+"=1"), stderr
	return command, stderr
}

func TestFullDevice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /dev/full")
	}
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer device.Close()
	command, stderr := program(t)
	command.Stdout = device
	require.Error(t, command.Run())
	assert.Equal(t, cli.Failed, command.ProcessState.ExitCode())
	assert.Equal(t, "careless: write /dev/stdout: no space left on device\n", stderr.String())
}

// TestClosedPipes: if the reader of stdout leaves, the program ends with an error message and not
// by a signal. If that of stderr leaves, nothing changes.
func TestClosedPipes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("pipes break in another way")
	}
	closed := func() *os.File {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		return w
	}
	command, stderr := program(t)
	command.Stdout = closed()
	require.Error(t, command.Run())
	assert.Equal(t, cli.Failed, command.ProcessState.ExitCode(), "%v", command.ProcessState)
	assert.Equal(t, "careless: write /dev/stdout: broken pipe\n", stderr.String())

	command, _ = program(t)
	command.Args = append(command.Args, "-fail")
	command.Stderr = closed()
	require.Error(t, command.Run())
	assert.Equal(t, cli.Failed, command.ProcessState.ExitCode(), "%v", command.ProcessState)
}
