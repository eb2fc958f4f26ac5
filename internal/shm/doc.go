// Package shm connects the processes of one machine as [convgraph/ops.Peers], through memory that
// all of them map. From each process to each other one leads a ring of bytes, which carries the
// messages in the order of the calls.
//
// No thread works for it: a process copies what it can when it begins a call and while it waits in
// Finish. So an exchange costs two copies, and no thread has to wake. A gather of memory that all
// processes see costs none.
package shm
