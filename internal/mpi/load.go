//go:build mpi && (linux || darwin)

package mpi

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// pathVariable is the environment variable that names the library to open, if the usual names don't
// find the right one.
const pathVariable = "CONVGRAPH_LIBMPI"

// Sizes of the buffers that MPI writes text into: those of the largest implementation.
const (
	errorText   = 512
	libraryText = 8192
)

// handle is an MPI handle: a pointer in Open MPI and MPI 5, an int in MPICH. Both fit a register.
type handle uintptr

// library is an open MPI library.
type library struct {
	path                      string
	so                        uintptr
	world, errorsReturn, byte handle
	inPlace                   unsafe.Pointer
	funneled                  int32 // MPI_THREAD_FUNNELED

	initThread    func(argc, argv unsafe.Pointer, required int32, provided *int32) int32
	finalize      func() int32
	exit          func(code int32)
	abort         func(comm handle, code int32) int32
	commRank      func(comm handle, rank *int32) int32
	commSize      func(comm handle, size *int32) int32
	setErrhandler func(comm, errhandler handle) int32
	errorString   func(code int32, text *byte, length *int32) int32
	version       func(text *byte, length *int32) int32

	isend         func(data unsafe.Pointer, count int32, t handle, to, tag int32, comm handle, request *uint64) int32
	irecv         func(data unsafe.Pointer, count int32, t handle, from, tag int32, comm handle, request *uint64) int32
	testAddress   uintptr // of MPI_Test and usleep, which are called too often for functions made by reflection
	usleepAddress uintptr
	done          int32
	status        [64]byte // larger than that of any implementation

	iallgatherv func(send unsafe.Pointer, count int32, t handle, receive unsafe.Pointer, counts, at *int32,
		rt, comm handle, request *uint64) int32
	ialltoallv func(send unsafe.Pointer, counts, at *int32, t handle, receive unsafe.Pointer, rcounts, rat *int32,
		rt, comm handle, request *uint64) int32
}

// open opens the launcher's library, or the first one that it finds.
func open() (*library, error) {
	keepSignals()
	var failures []error
	for _, path := range candidates() {
		so, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		l := &library{path: path, so: so}
		if err := l.bind(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return l, nil
	}
	return nil,
		fmt.Errorf("no MPI library found: install Open MPI or MPICH (Debian: apt install openmpi-bin, or mpich; "+
			"without root: pip install mpich) or set %s to the path of libmpi.so: %w", pathVariable,
			errors.Join(failures...))
}

// keepSignals leaves SIGSEGV to Go, which turns a nil pointer into a panic. UCX, which MPICH and
// Open MPI may load, would end the process.
func keepSignals() {
	if _, set := os.LookupEnv("UCX_ERROR_SIGNALS"); !set {
		os.Setenv("UCX_ERROR_SIGNALS", "")
	}
}

// candidates returns the files to try. With another launcher's library, every process would be a
// world of one rank, so the libraries of the launcher that started this process come first.
func candidates() []string {
	if path := os.Getenv(pathVariable); path != "" {
		return []string{path}
	}
	names := []string{"libmpi_abi.so.1", "libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi.so"}
	switch {
	case runtime.GOOS == "darwin":
		names = []string{"libmpi_abi.dylib", "libmpi.dylib", "libmpich.dylib"}
	case os.Getenv("OMPI_COMM_WORLD_SIZE") != "":
		names = []string{"libmpi.so.40", "libmpi_abi.so.1", "libmpi.so"}
	case os.Getenv("PMI_SIZE") != "" || os.Getenv("PMI_RANK") != "":
		names = []string{"libmpi_abi.so.1", "libmpi.so.12", "libmpich.so.12", "libmpi.so"}
	}
	var paths []string
	for _, launcher := range launchers() {
		paths = append(paths, beside(launcher, names)...)
	}
	return append(paths, names...)
}

// launchers returns the program that started this process, which on Linux is mostly the launcher's,
// and the mpiexec that a shell would find.
func launchers() (paths []string) {
	if parent, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", os.Getppid())); err == nil {
		paths = append(paths, parent)
	}
	if mpiexec, err := exec.LookPath("mpiexec"); err == nil {
		paths = append(paths, mpiexec)
	}
	return paths
}

// beside returns the libraries of a launcher's installation, such as an environment module or a
// Python environment. It returns none for the system's.
func beside(launcher string, names []string) (paths []string) {
	folder := filepath.Join(filepath.Dir(filepath.Dir(launcher)), "lib")
	if folder == "/usr/lib" || folder == "/lib" {
		return nil
	}
	for _, name := range names {
		if path := filepath.Join(folder, name); exists(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// bind finds the functions and the constants of the library's interface.
func (l *library) bind() error {
	for name, f := range map[string]any{
		"MPI_Init_thread": &l.initThread, "MPI_Finalize": &l.finalize, "MPI_Abort": &l.abort, "exit": &l.exit,
		"MPI_Comm_rank": &l.commRank, "MPI_Comm_size": &l.commSize, "MPI_Comm_set_errhandler": &l.setErrhandler,
		"MPI_Error_string": &l.errorString, "MPI_Get_library_version": &l.version,
		"MPI_Iallgatherv": &l.iallgatherv, "MPI_Ialltoallv": &l.ialltoallv,
		"MPI_Isend": &l.isend, "MPI_Irecv": &l.irecv,
	} {
		symbol, err := purego.Dlsym(l.so, name)
		if err != nil {
			return fmt.Errorf("not an MPI library: %w", err)
		}
		purego.RegisterFunc(f, symbol)
	}
	if l.testAddress = uintptr(l.symbol("MPI_Test")); l.testAddress == 0 {
		return errors.New("not an MPI library: no MPI_Test")
	}
	if l.usleepAddress = uintptr(l.symbol("usleep")); l.usleepAddress == 0 {
		return errors.New("no usleep")
	}
	switch {
	case l.isStandard():
		l.world, l.errorsReturn, l.byte, l.inPlace, l.funneled = 0x101, 0x143, 0x247, pointer(1), 1024
	case l.symbol("ompi_mpi_comm_world") != 0:
		l.world, l.byte = l.symbol("ompi_mpi_comm_world"), l.symbol("ompi_mpi_byte")
		l.errorsReturn, l.inPlace, l.funneled = l.symbol("ompi_mpi_errors_return"), pointer(1), 1
	case l.isMPICH():
		l.world, l.errorsReturn, l.byte, l.inPlace, l.funneled = 0x44000000, 0x54000001, 0x4c00010d,
			pointer(^uintptr(0)), 1
	default:
		return fmt.Errorf("got %q, want Open MPI, one of MPICH's family, or a library with the interface of MPI 5",
			l.name())
	}
	return nil
}

// isStandard reports whether the library has the handles of MPI 5. MPICH 5 has the function in both
// of its libraries.
func (l *library) isStandard() bool {
	symbol := l.symbol("MPI_Abi_get_version")
	if symbol == 0 {
		return false
	}
	var version func(major, minor *int32) int32
	purego.RegisterFunc(&version, uintptr(symbol))
	var major, minor int32
	return version(&major, &minor) == 0 && major > 0
}

func (l *library) isMPICH() bool {
	name := l.name()
	for _, family := range []string{"MPICH", "Intel", "MVAPICH"} {
		if strings.Contains(name, family) {
			return true
		}
	}
	return false
}

// test reports whether an operation is complete.
func (l *library) test(request *uint64) (done bool, code int32) {
	r, _, _ := purego.SyscallN(l.testAddress, uintptr(unsafe.Pointer(request)),
		uintptr(unsafe.Pointer(&l.done)), uintptr(unsafe.Pointer(&l.status)))
	return l.done != 0, int32(r)
}

func (l *library) usleep(microseconds uintptr) { purego.SyscallN(l.usleepAddress, microseconds) }

func (l *library) symbol(name string) handle {
	symbol, err := purego.Dlsym(l.so, name)
	if err != nil {
		return 0
	}
	return handle(symbol)
}

// checkLaunch returns an error if the launcher has started more processes than the library sees:
// each of them would train alone.
func (l *library) checkLaunch(size int) error {
	for _, name := range []string{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"} {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 1 && size == 1 {
			return fmt.Errorf(
				"the launcher started %d processes (%s), but %s (%s) sees one: it belongs to another launcher; "+
					"set %s to the path of the right library", n, name, l.path, l.name(), pathVariable)
		}
	}
	return nil
}

// name returns the first line of the library's description of itself.
func (l *library) name() string { return text(libraryText, l.version) }

func (l *library) errorOf(code int32) string {
	write := func(at *byte, n *int32) int32 { return l.errorString(code, at, n) }
	return cmp.Or(text(errorText, write), fmt.Sprint("error ", code))
}

// text returns the first line that f writes into a buffer.
func text(size int, f func(*byte, *int32) int32) string {
	buffer := make([]byte, size)
	var n int32
	f(&buffer[0], &n)
	line, _, _ := strings.Cut(strings.TrimRight(string(buffer[:max(0, min(int(n), size))]), "\x00\n"), "\n")
	return line
}

// pointer returns an address that MPI compares and never follows.
func pointer(v uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&v)) }
