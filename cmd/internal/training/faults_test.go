//go:build linux && amd64

package training

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/formats/safetensors"
	"convgraph/internal/cli"
	"convgraph/internal/testutil/syscalls"
	"convgraph/train"
)

var faults = flag.Int("faults", 0,
	"in how many ways each call that writes is to fail, up to 5; 0 leaves out the tests of faults")

// A way is how a call fails.
type way struct {
	name  string
	first syscalls.Fault // of the call
	next  syscalls.Fault // of the call after it
	cause string         // what the program says; empty if it isn't to fail
}

var (
	kill = way{name: "killed", first: syscalls.Fault{Kill: true}}
	full = way{name: "disk full", first: syscalls.Fault{Errno: syscall.ENOSPC}, cause: "no space left on device"}
	bad  = way{name: "disk broken", first: syscalls.Fault{Errno: syscall.EIO}, cause: "input/output error"}

	short = way{name: "half written", first: syscalls.Fault{Short: true}}
	fills = way{name: "half written, then disk full", first: syscalls.Fault{Short: true},
		next: syscalls.Fault{Errno: syscall.ENOSPC}, cause: full.cause}
)

// waysOf are the ways in which the n-th call is to fail. The calls take turns, so that even one way
// for each call tries every way on every kind of call.
func waysOf(c syscalls.Call) []way {
	ways := []way{kill, full, bad}
	if c.Name == "write" {
		ways = append(ways, short, fills)
	}
	turn := c.N % len(ways)
	ways = slices.Concat(ways[turn:], ways[:turn])
	return ways[:min(*faults, len(ways))]
}

// TestFaults lets each call that changes a file fail in turn: the disk is full or broken, writes
// half of the bytes, or the program is killed there. Every file is an old or a new whole one, the
// program names the cause and exits with 1, and the same command ends with the bits of an
// undisturbed training. The folder has a finished run of one epoch to lose.
func TestFaults(t *testing.T) {
	if *faults == 0 {
		t.Skip("-faults 1 runs this")
	}
	args := append(shortTraining(t), remembering...)
	before := t.TempDir()
	output, err := program(t, append(sameCommand(args, before), "-epochs", "1")...).CombinedOutput()
	require.NoError(t, err, string(output))

	dir := copyOf(t, before)
	var calls []syscalls.Call
	status, stderr := traced(t, dir, syscalls.Watcher{Before: func(c syscalls.Call) syscalls.Fault {
		calls = append(calls, c)
		return syscalls.Fault{}
	}}, overwrite(args, dir)...)
	require.Zero(t, status.ExitStatus(), stderr)
	want := results(t, dir)
	require.Greater(t, len(calls), 100)
	for _, c := range calls {
		for _, w := range waysOf(c) {
			t.Run(fmt.Sprintf("%d %s %s", c.N, c.Name, w.name), func(t *testing.T) {
				t.Parallel()
				dir := copyOf(t, before)
				fails(t, dir, c, w, overwrite(args, dir), want)
				requireWhole(t, dir)
				requireEnd(t, dir, args, want)
			})
		}
	}
}

// fails runs a training with a fault in a call.
func fails(t *testing.T, dir string, failing syscalls.Call, w way, args []string, want [2]string) {
	t.Helper()
	var met string
	status, stderr := traced(t, dir, syscalls.Watcher{Before: func(c syscalls.Call) syscalls.Fault {
		switch c.N {
		case failing.N:
			met = c.Name
			return w.first
		case failing.N + 1:
			return w.next
		}
		return syscalls.Fault{}
	}}, args...)
	require.Equal(t, failing.Name, met, "the calls are the same in every run")
	switch {
	case w.first.Kill:
		require.Equal(t, syscall.SIGKILL, status.Signal())
		return
	case w.cause == "":
		require.Equal(t, cli.OK, status.ExitStatus(), stderr)
		require.Equal(t, want, results(t, dir))
	case status.ExitStatus() == cli.OK && mayFail(failing):
		require.Equal(t, want, results(t, dir))
	default:
		require.Equal(t, cli.Failed, status.ExitStatus(), stderr)
		assert.Regexp(t, `^trainmnist: [^\n]+: `+w.cause+`\n$`, stderr)
	}
	if failing.Name != "unlinkat" {
		requireNoLeftovers(t, dir)
	}
}

// mayFail says that the training can do without a call: giving a file its old owner, and looking at
// whether a result of an earlier run can be replaced.
func mayFail(c syscalls.Call) bool {
	return c.Name == "fchown" || c.Name == "openat" && !strings.HasPrefix(filepath.Base(c.Path), ".")
}

// TestPowerCut cuts the power after each call of a training and drops what wasn't synced: bytes
// alone, or names, too. Every file is an old or a new whole one, and the same command ends with the
// bits of an undisturbed training.
func TestPowerCut(t *testing.T) {
	if *faults == 0 {
		t.Skip("-faults 1 runs this")
	}
	args, base := append(shortTraining(t), remembering...), t.TempDir()
	const run = "runs/short"
	disk, err := syscalls.NewDisk(base)
	require.NoError(t, err)
	status, stderr := traced(t, base, syscalls.Watcher{After: disk.Record},
		sameCommand(args, filepath.Join(base, run))...)
	require.Zero(t, status.ExitStatus(), stderr)
	want := results(t, filepath.Join(base, run))

	left, err := disk.Cut(disk.Calls(), false)
	require.NoError(t, err)
	for _, name := range []string{"params.safetensors", "history.csv", "accuracy.png", "epochs/epoch-002.safetensors"} {
		assert.Contains(t, left, run+"/"+name, "a finished training is safe")
	}
	seen := map[string]bool{}
	for calls := range disk.Calls() + 1 {
		for _, allNames := range []bool{false, true} {
			left, err := disk.Cut(calls, allNames)
			require.NoError(t, err)
			if key := fmt.Sprint(left); seen[key] {
				continue
			} else {
				seen[key] = true
			}
			t.Run(fmt.Sprintf("%d, all names %v", calls, allNames), func(t *testing.T) {
				t.Parallel()
				base := t.TempDir()
				build(t, base, left)
				dir := filepath.Join(base, run)
				requireWhole(t, dir)
				requireEnd(t, dir, args, want)
			})
		}
	}
	require.Greater(t, len(seen), 30)
}

// traced runs the real program and watches its calls on files in dir.
func traced(t *testing.T, dir string, w syscalls.Watcher, args ...string) (status syscall.WaitStatus, stderr string) {
	t.Helper()
	command := program(t, args...)
	output, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer output.Close()
	command.Stderr = output
	status, err = syscalls.Run(command, dir, w)
	if err != nil {
		t.Skipf("SKIPPED: one program may not trace another here: %v", err)
	}
	text, err := os.ReadFile(output.Name())
	require.NoError(t, err)
	return status, string(text)
}

func overwrite(args []string, dir string) []string {
	return append([]string{"-out", dir, "-overwrite"}, args...)
}

// requireEnd resumes to the end, and expects the result of an undisturbed training.
func requireEnd(t *testing.T, dir string, args []string, want [2]string) {
	t.Helper()
	output, err := program(t, sameCommand(args, dir)...).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, want, results(t, dir))
	requireWhole(t, dir)
	requireNoLeftovers(t, dir)
}

// requireWhole wants no file in a training's folder to be corrupt. Hidden ones are not finished.
func requireWhole(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		if err := wholeFile(t, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if !errors.Is(err, os.ErrNotExist) { // the folder itself may be gone
		require.NoError(t, err)
	}
}

// wholeFile reads a file to its end.
func wholeFile(t *testing.T, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	switch filepath.Ext(path) {
	case ".png":
		_, err = png.Decode(bytes.NewReader(data))
	case ".csv":
		_, err = csv.NewReader(bytes.NewReader(data)).ReadAll()
	case ".svg":
		for d := xml.NewDecoder(bytes.NewReader(data)); err == nil; {
			_, err = d.Token()
		}
		if errors.Is(err, io.EOF) && len(data) > 0 {
			err = nil
		}
	case ".safetensors":
		if _, _, err = safetensors.Decode(data); err == nil && strings.HasPrefix(filepath.Base(path), "checkpoint-") {
			alone := t.TempDir() // in which it is the newest
			if err := os.Link(path, filepath.Join(alone, filepath.Base(path))); err != nil {
				return err
			}
			_, err = train.LatestCheckpoint(alone, nil)
		}
	default:
		err = errors.New("an unknown kind of file")
	}
	return err
}

// copyOf is a copy of a training's folder. Its history has more permissions than the umask leaves,
// so that replacing it takes an fchmod.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	require.NoError(t, os.Chmod(filepath.Join(to, "history.csv"), 0o666))
	return to
}

// build makes the files and folders that a power cut left.
func build(t *testing.T, base string, left map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(left)) {
		path := filepath.Join(base, name)
		if left[name] == "/" {
			require.NoError(t, os.Mkdir(path, 0o755))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(left[name]), 0o644))
	}
}
