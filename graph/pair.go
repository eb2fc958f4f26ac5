package graph

import (
	"encoding/json"
	"fmt"

	"convgraph/ops"
)

// A Pair holds one value for the height and one for the width. In JSON it is [h, w], or one number
// for both.
type Pair [2]int

// Square returns a Pair of the same value for height and width.
func Square(n int) Pair { return Pair{n, n} }

// MarshalJSON writes one number if height and width are equal.
func (p Pair) MarshalJSON() ([]byte, error) {
	if p[0] == p[1] {
		return json.Marshal(p[0])
	}
	return json.Marshal([2]int(p))
}

// UnmarshalJSON reads [h, w] or one number.
func (p *Pair) UnmarshalJSON(data []byte) error {
	var n int
	if json.Unmarshal(data, &n) == nil {
		*p = Square(n)
		return nil
	}
	var hw []int
	if err := json.Unmarshal(data, &hw); err != nil || len(hw) != 2 {
		return fmt.Errorf("%s: want a whole number or [height, width]", data)
	}
	*p = Pair{hw[0], hw[1]}
	return nil
}

// String returns the form "5x5".
func (p Pair) String() string { return fmt.Sprintf("%dx%d", p[0], p[1]) }

func (p Pair) op() ops.Pair { return ops.Pair(p) }
