package unpickle

import (
	"fmt"
	"strconv"

	"github.com/nlpodyssey/gopickle/types"
	"gorgonia.org/tensor"

	"convgraph/formats"
)

// Lazy is an array that the machine has built and that isn't decoded yet. A pickle can name one
// array's bytes many times at a cost of a few bytes each, so arrays are decoded after all of them
// have been counted.
type Lazy interface {
	// Bytes returns the size of the array in the file's element type, or an error if this package
	// can't read such an array.
	Bytes() (int, error)
	// Decode returns a tensor in memory of its own.
	Decode() (*tensor.Dense, error)
}

// loneName is the name of an array outside of any container.
const loneName = "arr_0"

const (
	maxDepth = 32
	// Arrays may share bytes (tied weights), but not too often: together they take at most
	// freeBytes plus sharing times the file's size.
	freeBytes = 1 << 16
	sharing   = 4
)

// Flatten walks containers in order and returns their arrays. A dict's keys and the indices of a
// list's items are joined by dots: {"net": [a, b]} gives net.0 and net.1; a lone array is called
// arr_0, as in numpy.savez. Numbers and bools become scalars. Text, bytes and None are omitted. Any
// other value is an array with an Err; but if no array can be read at all, the first such reason is
// Flatten's error. fileBytes is the size of the input.
func Flatten(value any, fileBytes int) ([]formats.Array, error) {
	f := &flattener{budget: freeBytes + sharing*fileBytes, visits: 1000 + fileBytes}
	if err := f.walk("", value, 0); err != nil {
		return nil, err
	}
	if err := formats.CheckUnique(f.arrays); err != nil {
		return nil, err
	}
	if f.unread != nil && len(formats.Readable(f.arrays)) == 0 {
		return nil, f.unread
	}
	return f.arrays, nil
}

type flattener struct {
	arrays []formats.Array
	unread error // the reason for the first unreadable value
	budget int   // bytes of arrays still allowed
	visits int   // values still allowed: containers may also be shared
}

func (f *flattener) walk(name string, value any, depth int) error {
	if f.visits--; f.visits < 0 || depth > maxDepth {
		return fmt.Errorf("%q: containers nest deeper than %d, or contain each other", name, maxDepth)
	}
	switch v := value.(type) {
	case Lazy:
		return f.array(name, v)
	case int:
		f.add(name, tensor.New(tensor.FromScalar(int64(v))))
	case bool:
		f.add(name, tensor.New(tensor.FromScalar(oneIf(v))))
	case float64:
		f.add(name, tensor.New(tensor.FromScalar(v)))
	case nil, string, []byte, *types.ByteArray:
	case *types.Dict:
		for _, entry := range *v {
			if err := f.member(name, entry.Key, entry.Value, depth); err != nil {
				return err
			}
		}
	case *types.OrderedDict:
		for e := v.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := f.member(name, entry.Key, entry.Value, depth); err != nil {
				return err
			}
		}
	case *types.List:
		return f.items(name, *v, depth)
	case *types.Tuple:
		return f.items(name, *v, depth)
	case *Unknown:
		f.leaveOut(name, v.Err())
	default:
		f.leaveOut(name, fmt.Errorf("got %T, want an array, a number or a plain container", value))
	}
	return nil
}

// leaveOut adds an array that can't be read.
func (f *flattener) leaveOut(name string, why error) {
	if name == "" {
		name = loneName
	}
	f.arrays = append(f.arrays, formats.Array{Name: name, Err: why})
	f.note(fmt.Errorf("%.80q: %w", name, why))
}

func (f *flattener) note(err error) {
	if f.unread == nil {
		f.unread = err
	}
}

func (f *flattener) items(name string, items []any, depth int) error {
	for i, item := range items {
		if err := f.member(name, i, item, depth); err != nil {
			return err
		}
	}
	return nil
}

func (f *flattener) member(parent string, key, value any, depth int) error {
	var own string
	switch k := key.(type) {
	case string:
		own = k
	case int:
		own = strconv.Itoa(k)
	default: // no name: the caller can't ask for it
		f.note(fmt.Errorf("%.80q: got %T, want text or a number as a dict's key", parent, key))
		return nil
	}
	if parent != "" {
		own = parent + "." + own
	}
	return f.walk(own, value, depth+1)
}

func (f *flattener) array(name string, lazy Lazy) error {
	size, err := lazy.Bytes()
	if err != nil {
		f.leaveOut(name, err)
		return nil
	}
	if size > f.budget {
		return fmt.Errorf(
			"array %q: the arrays take more than %d times the file's size: too many share the same bytes", name,
			sharing,
		)
	}
	f.budget -= size
	value, err := lazy.Decode()
	if err != nil {
		return fmt.Errorf("array %q: %w", name, err)
	}
	f.add(name, value)
	return nil
}

func (f *flattener) add(name string, value *tensor.Dense) {
	if name == "" {
		name = loneName
	}
	f.arrays = append(f.arrays, formats.Array{Name: name, Value: value})
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
