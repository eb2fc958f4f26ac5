// Package syscalls runs a program under ptrace and lets a test see, fail, shorten or forbid each
// system call that changes files in a folder. The program itself is unchanged.
//
// strace -e inject counts the calls of each thread by itself. Go moves goroutines between threads,
// so the n-th call of a thread is another call in every run. Run counts the calls of all threads
// together.
package syscalls
