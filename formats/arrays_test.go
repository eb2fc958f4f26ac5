package formats_test

import (
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
