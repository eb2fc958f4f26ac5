//go:build !linux

package shm

import "runtime"

func create(int) (string, []byte, error) { return "", nil, ErrUnsupported }

func open(string, int) ([]byte, error) { return nil, ErrUnsupported }

// Remove does nothing.
func (*Segment) Remove() error { return nil }

// Close does nothing.
func (*Segment) Close() error { return nil }

func yield() { runtime.Gosched() }
