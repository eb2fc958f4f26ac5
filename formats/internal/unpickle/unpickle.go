// Package unpickle reads Python pickles of arrays and plain containers, and nothing else. The stack
// machine is gopickle's. Before it runs, the whole pickle is scanned: every length must fit the
// available bytes. A class that the caller didn't allow is never called: an [Unknown] replaces it,
// which accepts any argument and stores none. The machine's result is then flattened into named
// arrays.
package unpickle

import (
	"bytes"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// OrderedDict is the only class of Python's own library that files of arrays use; callers add it to
// the allowed classes.
const OrderedDict = "collections.OrderedDict"

// Load runs the pickle at the start of data and returns its value and its length in bytes. allow
// maps each permitted "module.class" to the object that represents it (gopickle's types.Callable or
// another of its interfaces); any other class, and every object of it, is an *Unknown. persistent
// resolves persistent ids; nil refuses them.
func Load(data []byte, allow map[string]any, persistent func(id any) (any, error)) (value any, length int, err error) {
	length, err = scan(data, allow, persistent != nil)
	if err != nil {
		return nil, 0, err
	}
	value, err = run(data[:length], allow, persistent)
	if err != nil {
		return nil, 0, err
	}
	return value, length, nil
}

// run runs gopickle. It treats an argument of the wrong type as the programmer's mistake and may
// panic; here it means that the file is corrupt.
func run(data []byte, allow map[string]any, persistent func(id any) (any, error)) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			value, err = nil, fmt.Errorf("the pickle is corrupt: %.300s", fmt.Sprint(r))
		}
	}()
	machine := pickle.NewUnpickler(bytes.NewReader(data))
	machine.PersistentLoad = persistent
	machine.FindClass = func(module, name string) (any, error) {
		if class, ok := allow[module+"."+name]; ok {
			return class, nil
		}
		return &Unknown{Class: module + "." + name}, nil
	}
	value, err = machine.Load()
	if err != nil {
		return nil, fmt.Errorf("the pickle is corrupt: %.300s", err.Error())
	}
	return value, nil
}

// Function is a permitted class in the form of a Go function.
type Function func(args []any) (any, error)

// Call implements types.Callable.
func (f Function) Call(args ...any) (any, error) { return f(args) }

var _ types.Callable = Function(nil)

// Unknown is a class that isn't allowed, or an object of it.
type Unknown struct{ Class string }

// Err returns the reason why the class isn't read.
func (u *Unknown) Err() error { return notAllowed(u.Class) }

func notAllowed(class string) error {
	return fmt.Errorf("class %.200q is not allowed: only arrays and plain containers are read", class)
}

// Call implements types.Callable.
func (u *Unknown) Call(...any) (any, error) { return u, nil }

// PyNew implements types.PyNewable.
func (u *Unknown) PyNew(...any) (any, error) { return u, nil }

// PySetState implements types.PyStateSettable.
func (u *Unknown) PySetState(any) error { return nil }

// Set implements types.DictSetter.
func (u *Unknown) Set(_, _ any) {}

// Append implements types.ListAppender.
func (u *Unknown) Append(any) {}

// Add implements types.SetAdder.
func (u *Unknown) Add(any) {}

var (
	_ types.Callable        = (*Unknown)(nil)
	_ types.PyNewable       = (*Unknown)(nil)
	_ types.PyStateSettable = (*Unknown)(nil)
	_ types.DictSetter      = (*Unknown)(nil)
	_ types.ListAppender    = (*Unknown)(nil)
	_ types.SetAdder        = (*Unknown)(nil)
)

// Ints returns a tuple of integers as a slice.
func Ints(value any) ([]int, error) {
	tuple, ok := value.(*types.Tuple)
	if !ok {
		return nil, fmt.Errorf("got %T, want a tuple of integers", value)
	}
	out := make([]int, tuple.Len())
	for i := range out {
		if out[i], ok = tuple.Get(i).(int); !ok {
			return nil, fmt.Errorf("got %T in it, want a tuple of integers", tuple.Get(i))
		}
	}
	return out, nil
}
