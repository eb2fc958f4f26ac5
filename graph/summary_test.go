package graph

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"gorgonia.org/tensor"
)

// Text is left-aligned in its column, numbers right-aligned; of many names, the last ones are only
// counted.
func TestSummaryOfManyBranches(t *testing.T) {
	branch := func(name string) Part { return Conv2D{Name: name, Filters: 1, Kernel: Square(1)} }
	s, err := Summarize(Sequential("wide", tensor.Shape{1, 2, 2}, He(), Branches(Concat{},
		branch("a_name_of_some_length"), branch("another_name"), branch("short"), branch("the_last_branch_of_all"))))
	assert.NoError(t, err)
	want := strings.TrimPrefix(`
wide: input 1x2x2
  layer                   code                                   reads                                                output  parameters  multiply-adds  activation bytes
  a_name_of_some_length   Conv2D{Filters: 1, Kernel: Square(1)}                                                        1x2x2           2              4                16
  another_name            Conv2D{Filters: 1, Kernel: Square(1)}  input                                                 1x2x2           2              4                16
  short                   Conv2D{Filters: 1, Kernel: Square(1)}  input                                                 1x2x2           2              4                16
  the_last_branch_of_all  Conv2D{Filters: 1, Kernel: Square(1)}  input                                                 1x2x2           2              4                16
  concat1                 Concat{}                               a_name_of_some_length another_name short and 1 more   4x2x2           0              0                64
  total                                                                                                                                8             16               128
`, "\n")
	assert.Equal(t, want, s.String())
}
