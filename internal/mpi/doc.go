// Package mpi joins the processes that an MPI launcher has started. It opens the installed MPI library
// with dlopen, without cgo, in programs that are built with the tag mpi; elsewhere [Start] fails.
//
// It speaks three binary interfaces, which it tells apart by symbols: Open MPI's, MPICH's (also that
// of Intel MPI, MVAPICH and Cray), and the standard one of MPI 5.
package mpi
