package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gorgonia.org/tensor"
)

// String returns a table.
func (s *Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: input %s\n", s.Model, shapeString(s.Input))
	layers := s.layerTable()
	layers.write(&b)
	if len(s.Fused) > 0 {
		t := table{left: 2}
		t.row("fused into one op", "pass", "activation bytes saved")
		for _, f := range s.Fused {
			t.row(strings.Join(f.Layers, "+"), f.Pass, thousands(f.SavedBytes))
		}
		t.write(&b)
		if once := s.fusedOnce(); len(once) > 0 {
			fmt.Fprintf(&b, "not fused so where second derivatives are computed: %s\n", strings.Join(once, ", "))
		}
	}
	if len(s.Memory) > 0 {
		t := table{left: 1}
		head := []string{"activations and gradients", "images", "bytes of their arena", "if none shared"}
		measured := slices.ContainsFunc(s.Memory, func(m MemoryUse) bool { return m.ScratchBytes > 0 })
		if measured {
			head = append(head, "kernels' scratch")
		}
		t.row(head...)
		for _, m := range s.Memory {
			row := []string{m.Work, fmt.Sprint(m.Images), thousands(m.ArenaBytes), thousands(m.SeparateBytes)}
			if m.ScratchBytes > 0 {
				row = append(row, thousands(m.ScratchBytes))
			}
			t.row(row...)
		}
		t.write(&b)
		for _, m := range s.Memory {
			if m.RecomputedMultiplyAdds > 0 {
				fmt.Fprintf(&b, "a %s computes %s multiply-adds of each image again, %.1f%% of those going forward\n",
					m.Work, thousands(m.RecomputedMultiplyAdds),
					100*float64(m.RecomputedMultiplyAdds)/float64(s.MultiplyAdds))
			}
		}
		fmt.Fprintf(&b, "parameters: %s bytes; Adam keeps twice as many more, momentum once, SGD none\n",
			thousands(s.Parameters*s.ElementBytes))
	}
	return b.String()
}

// fusedOnce returns the groups that aren't fused for second derivatives.
func (s *Summary) fusedOnce() (names []string) {
	for _, f := range s.Fused {
		if f.Once {
			names = append(names, strings.Join(f.Layers, "+"))
		}
	}
	return names
}

// layerTable has a row for each layer, and a column for what layers read if any of them doesn't
// read the one before it.
func (s *Summary) layerTable() table {
	reads := make([]string, len(s.Layers))
	t, last := table{left: 2}, InputName
	for i, l := range s.Layers {
		if len(l.Reads) != 1 || l.Reads[0] != last {
			reads[i], t.left = readsString(l.Reads), 3
		}
		last = l.Name
	}
	line := func(name, layer, reads string, cells ...string) {
		head := []string{name, layer}
		if t.left == 3 {
			head = append(head, reads)
		}
		t.row(append(head, cells...)...)
	}
	line("layer", "code", "reads", "output", "parameters", "multiply-adds", "activation bytes")
	for i, l := range s.Layers {
		line(l.Name, l.Layer, reads[i], shapeString(l.Output),
			thousands(l.Parameters), thousands(l.MultiplyAdds), thousands(l.ActivationBytes))
	}
	line("total", "", "", "", thousands(s.Parameters), thousands(s.MultiplyAdds), thousands(s.ActivationBytes))
	if s.Trainable != s.Parameters {
		line("trained", "", "", "", thousands(s.Trainable), "", "")
	}
	return t
}

// mostReads is the largest width of that column.
const mostReads = 40

// readsString lists names, and counts those that don't fit: "a b and 2 more".
func readsString(names []string) string {
	text := names[0]
	for i, name := range names[1:] {
		if len(text)+1+len(name) > mostReads {
			return fmt.Sprintf("%s and %d more", text, len(names)-1-i)
		}
		text += " " + name
	}
	return text
}

// A table has text in its left columns, aligned left, and numbers after them, aligned right.
type table struct {
	left int
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(b *strings.Builder) {
	widths := map[int]int{}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.left {
				line.WriteString("  " + cell + space)
			} else {
				line.WriteString("  " + space + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func shapeString(s tensor.Shape) string {
	parts := make([]string, len(s))
	for i, n := range s {
		parts[i] = fmt.Sprint(n)
	}
	return strings.Join(parts, "x")
}

// thousands groups a number's digits: 60,965,224.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
