//go:build mpi && (linux || darwin)

package mpi

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scenario is the variable that makes the test's binary one rank of a run: the tests start
// themselves under a launcher.
const scenario = "CONVGRAPH_MPI_SCENARIO"

var scenarios = map[string]func(){
	"exchange": exchange, "exit": exit, "abort": abort, "nil": followNil, "late": late, "hang": hang,
	"collect": collect, "slow": slow, "kill": kill, "panic": crash, "stop": stop, "stop all": stopAll,
	"overlap": overlap, "common": common,
}

// unshared is the variable that names the rank that doesn't share memory.
const unshared = "CONVGRAPH_MPI_UNSHARED"

func TestMain(m *testing.M) {
	rank := cmp.Or(os.Getenv("OMPI_COMM_WORLD_RANK"), os.Getenv("PMI_RANK"))
	if rank != "" && rank == os.Getenv(unshared) {
		os.Setenv(sharedVariable, "no")
	}
	if run := scenarios[os.Getenv(scenario)]; run != nil {
		run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A launcher starts ranks.
type launcher struct {
	name string
	args []string
}

// installed returns the launchers, and skips the test if there are none.
func installed(t *testing.T) (found []launcher) {
	for _, l := range []launcher{
		{"mpirun.openmpi", []string{"--allow-run-as-root", "--oversubscribe"}}, {"mpirun.mpich", nil},
	} {
		if _, err := exec.LookPath(l.name); err == nil {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		t.Skip("neither mpirun.openmpi nor mpirun.mpich is installed")
	}
	return found
}

// run runs a scenario and returns its output and the launcher's exit code, or -1 after a deadline.
func (l launcher) run(t *testing.T, ranks int, name string, env ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, l.name, append(l.args, "-n", fmt.Sprint(ranks), self)...)
	cmd.Env = append(append(os.Environ(), scenario+"="+name), env...)
	cmd.WaitDelay = 5 * time.Second
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// carriers are the two ways of the calls, with what [World.Library] says of them.
var carriers = map[string]string{"yes": "shared memory", "no": "MPI's messages"}

func eachCarrier(t *testing.T, test func(t *testing.T, l launcher, env, says string)) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		for value, says := range carriers {
			if runtime.GOOS != "linux" {
				says = carriers["no"]
			}
			test(t, l, sharedVariable+"="+value, says)
		}
	})
}

func eachLauncher(t *testing.T, test func(t *testing.T, l launcher)) {
	for _, l := range installed(t) {
		t.Run(l.name, func(t *testing.T) { test(t, l) })
	}
}

// most returns the most ranks to test with. MPICH waits busily: more ranks than cores are slow.
func (l launcher) most() int {
	if strings.Contains(l.name, "mpich") {
		return 2
	}
	return 4
}

func start() *World {
	w, err := Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return w
}

func must(w *World, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		w.Abort(1)
	}
}

func gather(w *World, data []byte, at []int) error { return finish(w)(w.BeginGather(data, at)) }

func swap(w *World, send []byte, sendAt []int, receive []byte, receiveAt []int) error {
	return finish(w)(w.BeginExchange(send, sendAt, receive, receiveAt))
}

func finish(w *World) func(call int, err error) error {
	return func(call int, err error) error {
		if err != nil {
			return err
		}
		return w.Finish(call)
	}
}

// overlap begins calls of different sizes, finishes them in another order, and reuses their memory.
func overlap() {
	w := start()
	rank, ranks := w.Rank()
	const most = 5
	var calls, sizes [most]int
	var data [most][]byte
	for round := range 200 {
		at := make([]int, ranks+1)
		for i := range most {
			sizes[i] = 1 + (round*7919+i*104729)%(1<<uint(4*i+1))
			for r := range at {
				at[r] = r * sizes[i]
			}
			data[i] = append(data[i][:0], make([]byte, ranks*sizes[i])...)
			for j := range sizes[i] {
				data[i][at[rank]+j] = byte(round + i + rank)
			}
			var err error
			calls[i], err = w.BeginGather(data[i], at)
			must(w, err)
		}
		clear(at) // the offsets may change
		for k := range most {
			i := (k*3 + round) % most
			must(w, w.Finish(calls[i]))
			for j, got := range data[i] {
				if want := byte(round + i + j/sizes[i]); got != want {
					must(w, fmt.Errorf("round %d, call %d, byte %d: got %d, want %d", round, i, j, got, want))
				}
			}
		}
	}
	w.Exit(0)
}

func TestCallsOverlap(t *testing.T) { requireSuccess(t, "overlap") }

// requireSuccess runs a scenario by each carrier in any number of ranks.
func requireSuccess(t *testing.T, name string) {
	eachCarrier(t, func(t *testing.T, l launcher, env, _ string) {
		for n := 1; n <= l.most(); n++ {
			out, code := l.run(t, n, name, env)
			require.Zero(t, code, out)
		}
	})
}

// common passes numbers on in memory that all ranks see, if they have such, and asks for more than
// any machine has.
func common() {
	w := start()
	rank, ranks := w.Rank()
	const size = 1000
	at := make([]int, ranks+1)
	for r := range at {
		at[r] = r * size
	}
	for range 2 {
		memory, err := w.Common(ranks * size)
		must(w, err)
		shares := strings.HasSuffix(w.Library(), carriers["yes"])
		if shares != (memory != nil) {
			must(w, fmt.Errorf("%s: got %d bytes in common", w.Library(), len(memory)))
		}
		for step := 0; shares && step < 100; step++ {
			for i := range size {
				memory[at[rank]+i] = byte(step + rank)
			}
			must(w, gather(w, memory, at))
			for i, got := range memory {
				if want := byte(step + i/size); got != want {
					must(w, fmt.Errorf("step %d, byte %d: got %d, want %d", step, i, got, want))
				}
			}
			must(w, gather(w, memory, at)) // all have read
		}
	}
	memory, err := w.Common(1 << 50)
	must(w, err)
	if memory != nil {
		must(w, fmt.Errorf("got %d bytes in common", len(memory)))
	}
	if line := segmentLeft(); rank == 0 && line != "" {
		must(w, fmt.Errorf("a file is left: %s", line))
	}
	w.Exit(0)
}

func TestCommon(t *testing.T) { requireSuccess(t, "common") }

func exchange() {
	w := start()
	rank, ranks := w.Rank()
	at, data := []int{0}, []byte(nil)
	for r := range ranks {
		at = append(at, at[r]+r+1)
	}
	data = make([]byte, at[ranks])
	for i := at[rank]; i < at[rank+1]; i++ {
		data[i] = byte(10*rank + i)
	}
	must(w, gather(w, data, at))
	for r := range ranks {
		for i := at[r]; i < at[r+1]; i++ {
			if data[i] != byte(10*r+i) {
				must(w, fmt.Errorf("gathered %v", data))
			}
		}
	}
	receiveAt := []int{0}
	for r := range ranks {
		receiveAt = append(receiveAt, (r+1)*(rank+1))
	}
	receive := make([]byte, receiveAt[ranks])
	must(w, swap(w, data, at, receive, receiveAt))
	for r := range ranks {
		for i := range rank + 1 {
			if got := receive[receiveAt[r]+i]; got != data[at[rank]+i] {
				must(w, fmt.Errorf("rank %d got %v", rank, receive))
			}
		}
	}
	if rank == 0 {
		fmt.Printf("%d ranks, %s\n", ranks, w.Library())
		if line := segmentLeft(); line != "" {
			must(w, fmt.Errorf("a file is left: %s", line))
		}
	}
	w.Exit(0)
}

func TestExchange(t *testing.T) {
	eachCarrier(t, func(t *testing.T, l launcher, env, says string) {
		for n := 1; n <= l.most(); n++ {
			out, code := l.run(t, n, "exchange", env)
			assert.Zero(t, code, out)
			assert.Contains(t, out, fmt.Sprint(n, " ranks, "))
			if n > 1 {
				assert.Contains(t, out, " and "+says)
			}
			fmt.Print(out)
		}
	})
}

// collect collects garbage while MPI works on Go's memory.
func collect() {
	w := start()
	rank, ranks := w.Rank()
	at := make([]int, ranks+1)
	for r := range at {
		at[r] = 1000 * r
	}
	for i := range 2000 {
		data := make([]byte, 1000*ranks)
		for j := range 1000 {
			data[1000*rank+j] = byte(i + j)
		}
		if i%50 == 0 {
			go runtime.GC()
		}
		must(w, gather(w, data, at))
		for j, got := range data {
			if got != byte(i+j%1000) {
				must(w, fmt.Errorf("byte %d of message %d is %d", j, i, got))
			}
		}
	}
	w.Exit(0)
}

func TestGarbageCollection(t *testing.T) {
	eachCarrier(t, func(t *testing.T, l launcher, env, _ string) {
		out, code := l.run(t, 2, "collect", env)
		assert.Zero(t, code, out)
	})
}

// exit ends one rank a second before the other. The launcher must not kill the slower one.
func exit() {
	w := start()
	rank, _ := w.Rank()
	must(w, gather(w, make([]byte, 8), []int{0, 4, 8}))
	if rank == 1 {
		time.Sleep(time.Second)
		fmt.Println("the slower rank is done")
	}
	w.Exit(0)
}

func TestExit(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		for range 3 {
			out, code := l.run(t, 2, "exit")
			assert.Zero(t, code, out)
			assert.Contains(t, out, "the slower rank is done")
		}
	})
}

func abort() {
	w := start()
	if rank, _ := w.Rank(); rank == 1 {
		w.Abort(7)
	}
	_ = gather(w, make([]byte, 8), []int{0, 4, 8})
	time.Sleep(time.Hour)
}

func TestAbortEndsAll(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		began := time.Now()
		out, code := l.run(t, 2, "abort")
		assert.Equal(t, 7, code, out)
		assert.Less(t, time.Since(began), 30*time.Second)
	})
}

// followNil follows a nil pointer. Its signal must reach Go, not UCX.
func followNil() {
	w := start()
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var p *int
		*p = 1
	}()
	w.Exit(0)
}

func TestNilPointerIsAPanic(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		out, code := l.run(t, 2, "nil")
		assert.Zero(t, code, out)
		assert.Equal(t, 2, strings.Count(out, "recovered: runtime error: invalid memory address"), out)
	})
}

// late fails in one rank after Start, as every failure must: a rank that ends before leaves the
// others waiting.
func late() {
	w := start()
	if rank, _ := w.Rank(); rank == 0 {
		fmt.Println("bad flag")
		w.Abort(2)
	}
	time.Sleep(time.Hour)
}

func TestFailureAfterStart(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		out, code := l.run(t, 2, "late")
		assert.Equal(t, 2, code, out)
	})
}

// hang is a rank that computes and never calls.
func hang() {
	w := start()
	if rank, _ := w.Rank(); rank == 1 {
		time.Sleep(time.Hour)
	}
	_ = gather(w, make([]byte, 8), []int{0, 4, 8})
	time.Sleep(time.Hour)
}

func TestWatchdog(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		began := time.Now()
		out, code := l.run(t, 2, "hang", "CONVGRAPH_MPI_PATIENCE=2s")
		assert.NotZero(t, code)
		assert.Regexp(t, `rank 0 of 2 has waited 2(\.\d)?s in a gather, its call 1, `+
			`for rank 1 \(it has made 0\): want less than 2s`, out)
		assert.Less(t, time.Since(began), 30*time.Second)
	})
}

// faulty runs a fault in rank 1 while the others wait for it in their second call.
func faulty(fault func()) {
	w := start()
	defer w.NamePanic()
	must(w, gather(w, make([]byte, 12), []int{0, 4, 8, 12}))
	if rank, _ := w.Rank(); rank == 1 {
		fmt.Printf("fault at %d ms\n", time.Now().UnixMilli())
		fault()
		time.Sleep(time.Second) // until the signal has arrived
	}
	_ = gather(w, make([]byte, 12), []int{0, 4, 8, 12})
	time.Sleep(time.Hour)
}

func signalSelf(signal syscall.Signal) { _ = syscall.Kill(os.Getpid(), signal) }

func kill()  { faulty(func() { signalSelf(syscall.SIGKILL) }) }
func stop()  { faulty(func() { signalSelf(syscall.SIGSTOP) }) }
func crash() { faulty(func() { panic("a bug") }) }

// TestFaults: when a rank is killed, panics or hangs, all end within 10 s, and the output says
// which rank it was. For a killed rank MPICH's launcher names a process, sometimes another one that
// it ended itself.
func TestFaults(t *testing.T) {
	names := map[string]string{
		"mpirun.openmpi kill":  `process rank 1 with PID \d+ on node \S+ exited on signal 9`,
		"mpirun.openmpi panic": `panic: a bug(.|\n)*Process name: \[\[\d+,1\],1\]`,
		"mpirun.openmpi stop": `rank 1 of 3 hangs: it has sent no heartbeat for 6(\.\d)?s, want less than 6s ` +
			`\(CONVGRAPH_MPI_SILENCE\); rank 2 waits in a gather, its call 2`,
		"mpirun.mpich kill":  `PID \d+ RUNNING AT`,
		"mpirun.mpich panic": `rank 1 of 3 panics(.|\n)*panic: a bug`,
		"mpirun.mpich stop":  `rank 1 of 3 hangs: it has sent no heartbeat for 6(\.\d)?s, want less than 6s`,
	}
	eachLauncher(t, func(t *testing.T, l launcher) {
		for _, fault := range []string{"kill", "panic", "stop"} {
			out, code := l.run(t, 3, fault)
			ended := time.Now()
			assert.NotZero(t, code, fault)
			var at int64
			_, line, _ := strings.Cut(out, "fault at")
			_, err := fmt.Sscanf(line, "%d ms", &at)
			require.NoError(t, err, out)
			assert.Regexp(t, names[l.name+" "+fault], out, fault)
			took := ended.Sub(time.UnixMilli(at))
			assert.Less(t, took, 10*time.Second, fault)
			fmt.Printf("%s, %s: all ended after %.1f s\n", l.name, fault, took.Seconds())
		}
	})
}

// slow computes for longer than a rank may be silent.
func slow() {
	w := start()
	if rank, _ := w.Rank(); rank == 1 {
		for began := time.Now(); time.Since(began) < 3*silence; {
			continue // the compiler keeps the loop
		}
	}
	must(w, gather(w, make([]byte, 8), []int{0, 4, 8}))
	w.Exit(0)
}

func TestSlowIsNotHung(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		out, code := l.run(t, 2, "slow", "CONVGRAPH_MPI_SILENCE=1s")
		assert.Zero(t, code, out)
	})
}

// stopAll stops both ranks, as Ctrl-Z does, for longer than a rank may be silent.
func stopAll() {
	w := start()
	must(w, gather(w, make([]byte, 8), []int{0, 4, 8}))
	wake := exec.Command("sh", "-c", fmt.Sprintf("sleep 2.5; kill -CONT %d", os.Getpid()))
	must(w, wake.Start())
	signalSelf(syscall.SIGSTOP)
	must(w, gather(w, make([]byte, 8), []int{0, 4, 8}))
	w.Exit(0)
}

func TestAllRanksMayBeStoppedTogether(t *testing.T) {
	eachLauncher(t, func(t *testing.T, l launcher) {
		out, code := l.run(t, 2, "stop all", "CONVGRAPH_MPI_SILENCE=1s")
		assert.Zero(t, code, out)
	})
}

// TestWrongLibrary: with another launcher's library each rank would train alone.
func TestWrongLibrary(t *testing.T) {
	if len(installed(t)) < 2 {
		t.Skip("want both Open MPI and MPICH")
	}
	libraries := map[string]string{"mpirun.openmpi": "libmpich.so.12", "mpirun.mpich": "libmpi.so.40"}
	eachLauncher(t, func(t *testing.T, l launcher) {
		out, code := l.run(t, 2, "exchange", pathVariable+"="+libraries[l.name])
		assert.NotZero(t, code)
		assert.Contains(t, out, "the launcher started 2 processes")
		assert.Contains(t, out, "it belongs to another launcher")
	})
}

func TestNoLibrary(t *testing.T) {
	t.Setenv(pathVariable, filepath.Join(t.TempDir(), "libmpi.so"))
	_, err := open()
	require.ErrorContains(t, err, "no MPI library found: install Open MPI or MPICH")
	t.Setenv(pathVariable, "libc.so.6")
	_, err = open()
	require.ErrorContains(t, err, "libc.so.6: not an MPI library")
}

// TestDurations: a wrong variable is an error, not another time.
func TestDurations(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "30s": "", "30": `got "30"`, "-1s": `got "-1s"`, "soon": `got "soon"`,
	} {
		t.Setenv(silenceVariable, text)
		if err := checkDuration(silenceVariable); want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, silenceVariable+": "+want+", want a time such as 30s")
		}
	}
}

// TestShared: one rank that doesn't share memory is enough for all to send messages.
func TestShared(t *testing.T) {
	t.Setenv(sharedVariable, "maybe")
	require.EqualError(t, checkShared(), sharedVariable+`: got "maybe", want yes or no`)
	t.Setenv(sharedVariable, "")
	require.NoError(t, checkShared())
	eachLauncher(t, func(t *testing.T, l launcher) {
		for _, one := range []string{"0", "1"} {
			out, code := l.run(t, 2, "exchange", unshared+"="+one)
			assert.Zero(t, code, out)
			assert.Contains(t, out, " and "+carriers["no"])
		}
	})
}

// segmentLeft returns the line of a segment among this process's memory whose file still exists.
func segmentLeft() string {
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "/dev/shm/convgraph-") && !strings.Contains(line, "(deleted)") {
			return line
		}
	}
	return ""
}

// TestLibraryBesideLauncher: the library of the launcher's installation comes before the system's.
func TestLibraryBesideLauncher(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bin/mpiexec", "lib/libmpi.so.40"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o755))
	}
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv(pathVariable, "")
	if runtime.GOOS == "linux" {
		assert.Equal(t, filepath.Join(dir, "lib", "libmpi.so.40"), candidates()[0])
	}
	assert.Equal(t, []string{filepath.Join(dir, "lib", "libmpi.so.40")}, beside(filepath.Join(dir, "bin", "prterun"),
		[]string{"libmpi.so.12", "libmpi.so.40"}))
	assert.Empty(t, beside("/usr/bin/mpiexec", []string{"libmpi.so.40", ""}))
}
