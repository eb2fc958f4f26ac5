package graph

import (
	"encoding/json"
	"fmt"

	"convgraph/ops"
)

// A Pair holds a value for height and one for width. In JSON it is [h, w], or one number for both.
type Pair [2]int

// Square is the same for height and width.
func Square(n int) Pair { return Pair{n, n} }

// MarshalJSON writes one number if height and width agree.
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

// String is "5x5".
func (p Pair) String() string { return fmt.Sprintf("%dx%d", p[0], p[1]) }

func (p Pair) op() ops.Pair { return ops.Pair(p) }
