package formats_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"gorgonia.org/tensor"

	"convgraph/formats"
)

func TestCheckNames(t *testing.T) {
	one := tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{1}))
	good := []formats.Array{{Name: "a", Value: one}, {Name: "b", Value: one}}
	assert.NoError(t, formats.CheckNames(good))
	assert.NoError(t, formats.CheckNames(nil))
	for want, last := range map[string]formats.Array{
		"array 2 has no name":                       {Value: one},
		`array "c" (number 2) has no value`:         {Name: "c"},
		`arrays 1 and 2 are both called "b": names`: {Name: "b", Value: one},
	} {
		assert.ErrorContains(t, formats.CheckNames(append(good, last)), want)
	}
}

// TestUnreadable: a file may contain arrays without a value.
func TestUnreadable(t *testing.T) {
	one := formats.Array{Name: "a", Value: tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{1}))}
	text := formats.Array{Name: "b", Err: errors.New("it is text")}
	assert.Equal(t, []formats.Array{one}, formats.Readable([]formats.Array{text, one}))
	assert.NoError(t, formats.FirstUnreadable(nil))
	assert.NoError(t, formats.FirstUnreadable([]formats.Array{text, one}))
	assert.EqualError(t, formats.FirstUnreadable([]formats.Array{text, text}), `array "b": it is text`)
	assert.EqualError(t, formats.CheckNames([]formats.Array{one, text}), `array "b": it is text`)
	assert.NoError(t, formats.CheckUnique([]formats.Array{one, text}))
	assert.ErrorContains(t, formats.CheckUnique([]formats.Array{text, one, text}), `arrays 0 and 2 are both called "b"`)
}

func ExampleFind() {
	weight := tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{1, 2}))
	arrays := []formats.Array{{Name: "fc1.weight", Value: weight}}
	found, ok := formats.Find(arrays, "fc1.weight")
	fmt.Println(found.Value.Data(), ok)
	_, ok = formats.Find(arrays, "fc2.weight")
	fmt.Println(ok)
	// Output:
	// [1 2] true
	// false
}
