// Package mpi joins the processes that an MPI launcher has started. It opens the installed MPI
// library with dlopen, without cgo, in programs that are built with the tag mpi; in other programs
// [Start] fails.
//
// It speaks three binary interfaces, which it tells apart by symbols: Open MPI's, MPICH's (also
// that of Intel MPI, MVAPICH and Cray), and the standard one of MPI 5.
//
// MPI starts the ranks, joins them, and carries their calls between machines. Ranks that all run on
// one machine exchange through its memory, by package shm.
//
// A rank that dies is noticed by its launcher, which ends the others. A rank that hangs is noticed
// by its neighbor: each rank sends heartbeats to the next one, from a thread that does nothing but
// call MPI. A rank that computes for a long time keeps sending them, so slow isn't taken for hung.
package mpi
