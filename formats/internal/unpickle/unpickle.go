// Package unpickle reads Python pickles of arrays and plain containers, and
// nothing else. The stack machine is gopickle's; before it runs, the whole
// pickle is scanned: every class that it names must be one that the caller
// allowed, every length must be backed by bytes. What the machine builds is
// then flattened into named arrays.
package unpickle

import (
	"bytes"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// OrderedDict is the one class of Python's own library that files of arrays
// use; callers add it to what they allow.
const OrderedDict = "collections.OrderedDict"

// Load runs the pickle at the start of data and returns its value and its
// length in bytes. allow maps each permitted "module.class" to the object that
// stands for it (gopickle's types.Callable or another of its interfaces).
// persistent resolves persistent ids; nil refuses them.
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

// run is the library's part. It takes an argument of the wrong type as the
// programmer's mistake and may panic: to us it is a damaged file.
func run(data []byte, allow map[string]any, persistent func(id any) (any, error)) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			value, err = nil, fmt.Errorf("the pickle is damaged: %.300s", fmt.Sprint(r))
		}
	}()
	machine := pickle.NewUnpickler(bytes.NewReader(data))
	machine.PersistentLoad = persistent
	machine.FindClass = func(module, name string) (any, error) {
		class, ok := allow[module+"."+name]
		if !ok {
			return nil, fmt.Errorf("class %.200q is not allowed", module+"."+name)
		}
		return class, nil
	}
	value, err = machine.Load()
	if err != nil {
		return nil, fmt.Errorf("the pickle is damaged: %.300s", err.Error())
	}
	return value, nil
}

// Function makes a permitted class out of a Go function.
type Function func(args []any) (any, error)

// Call implements types.Callable.
func (f Function) Call(args ...any) (any, error) { return f(args) }

var _ types.Callable = Function(nil)

// Ints returns a tuple of integers as a slice.
func Ints(value any) ([]int, error) {
	tuple, ok := value.(*types.Tuple)
	if !ok {
		return nil, fmt.Errorf("expected a tuple of integers, found %T", value)
	}
	out := make([]int, tuple.Len())
	for i := range out {
		if out[i], ok = tuple.Get(i).(int); !ok {
			return nil, fmt.Errorf("expected a tuple of integers, found %T in it", tuple.Get(i))
		}
	}
	return out, nil
}
