package viz

import (
	"fmt"
	"slices"
	"strings"

	"convgraph/internal/flow"
)

// layerStack is a layer with the layers drawn directly below it.
type layerStack struct {
	rect
	layers []int
}

// layerBox is the box around a block.
type layerBox struct {
	rect
	name string
}

// layerLayout is a layer graph with positions.
type layerLayout struct {
	LayerGraph
	stacks []layerStack
	of     []int // each layer's stack
	wires  []flow.Wire
	boxes  []layerBox
	size   point
}

const (
	layerHeight = 21. // the height of a layer
	layerPad    = 10. // beside its text
	nameGap     = 8.  // between its name and what it does
	alongGap    = 62. // between stacks, with space for a shape and a box's name
	acrossGap   = 38.
	wireGap     = 26.
	boxSide     = 13. // of a box, beyond its stacks
	boxTop      = 24.
	boxBottom   = 8.
	layerMargin = pictureMargin + boxSide
)

func (g LayerGraph) layout() (*layerLayout, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	g.Layers = slices.Clone(g.Layers)
	for {
		l, err := g.layOut()
		if err != nil {
			return nil, err
		}
		mixed := l.mixed()
		if len(mixed) == 0 {
			return l, nil
		}
		for i := range g.Layers { // without the box, names are given in full
			if mixed[g.Layers[i].Block] {
				g.Layers[i].Block = ""
			}
		}
	}
}

func (g LayerGraph) layOut() (*layerLayout, error) {
	l := &layerLayout{LayerGraph: g}
	l.stack()
	var f flow.Graph
	for _, s := range l.stacks {
		f.Sizes = append(f.Sizes, flow.Size{Along: layerHeight * float64(len(s.layers)), Across: l.width(s)})
		var reads []int
		for _, from := range g.Layers[s.layers[0]].Reads {
			reads = append(reads, l.of[from])
		}
		f.Reads = append(f.Reads, reads)
	}
	placed, err := flow.Place(f, flow.Gaps{Along: alongGap, Across: acrossGap, Wire: wireGap})
	if err != nil {
		return nil, fmt.Errorf("layer graph: %w", err)
	}
	top := layerMargin
	if g.Title != "" {
		top += titleHeight
	}
	for i, c := range placed.Centers {
		size := f.Sizes[i]
		l.stacks[i].rect = rect{layerMargin + c.Across - size.Across/2, top + c.Along - size.Along/2, size.Across,
			size.Along}
	}
	for _, w := range placed.Wires {
		l.wires = append(l.wires, w.Shifted(top, layerMargin))
	}
	l.size = point{
		max(placed.Size.Across+2*layerMargin, l.legendWidth()+2*pictureMargin, 1.3*boldWidth(g.Title)+2*pictureMargin),
		top + placed.Size.Along + layerMargin + legendHeight,
	}
	l.box()
	return l, nil
}

// stack puts each layer that only follows one other directly below it.
func (l *layerLayout) stack() {
	readers := make([]int, len(l.Layers))
	for _, layer := range l.Layers {
		for _, from := range layer.Reads {
			readers[from]++
		}
	}
	for i, layer := range l.Layers {
		if l.follows(layer) && readers[layer.Reads[0]] == 1 {
			before := l.of[layer.Reads[0]]
			l.of = append(l.of, before)
			l.stacks[before].layers = append(l.stacks[before].layers, i)
			continue
		}
		l.of = append(l.of, len(l.stacks))
		l.stacks = append(l.stacks, layerStack{layers: []int{i}})
	}
}

// follows reports whether a layer only changes the values of the layer it reads.
func (l *layerLayout) follows(layer LayerNode) bool {
	if len(layer.Reads) != 1 || l.Layers[layer.Reads[0]].Kind == LayerInput ||
		l.Layers[layer.Reads[0]].Block != layer.Block {
		return false
	}
	return layer.Kind == LayerNorm || layer.Kind == LayerActivation || layer.Kind == LayerOther
}

func (l *layerLayout) width(s layerStack) (width float64) {
	for _, i := range s.layers {
		width = max(width, boldWidth(l.shortName(i))+nameGap+plainWidth(l.Layers[i].Text))
	}
	return width + 2*layerPad
}

// shortName returns a layer's name within its box.
func (l *layerLayout) shortName(i int) string {
	return strings.TrimPrefix(l.Layers[i].Name, l.Layers[i].Block+".")
}

func (l *layerLayout) block(s layerStack) string { return l.Layers[s.layers[0]].Block }

// box draws the boxes of the blocks around their stacks and the wires beside them.
func (l *layerLayout) box() {
	boxes := map[string]int{}
	for _, s := range l.stacks {
		name := l.block(s)
		if name == "" {
			continue
		}
		r := rect{s.x - boxSide, s.y - boxTop, s.w + 2*boxSide, s.h + boxTop + boxBottom}
		if i, known := boxes[name]; known {
			l.boxes[i].rect = l.boxes[i].with(r)
			continue
		}
		boxes[name] = len(l.boxes)
		l.boxes = append(l.boxes, layerBox{r, name})
	}
	for _, w := range l.wires {
		i, boxed := boxes[l.block(l.stacks[w.To])]
		if boxed && w.Bend < w.Unbend && w.Bend > l.boxes[i].y {
			b := &l.boxes[i]
			b.rect = b.with(rect{w.Across - boxSide, b.y, 2 * boxSide, b.h})
		}
	}
}

// mixed returns the blocks whose boxes would contain layers of others.
func (l *layerLayout) mixed() map[string]bool {
	mixed := map[string]bool{}
	for _, b := range l.boxes {
		for _, s := range l.stacks {
			if l.block(s) != b.name && b.holds(s.centre()) {
				mixed[b.name] = true
			}
		}
	}
	return mixed
}

func (r rect) with(o rect) rect {
	x, y := min(r.x, o.x), min(r.y, o.y)
	return rect{x, y, max(r.right(), o.right()) - x, max(r.bottom(), o.bottom()) - y}
}

func (r rect) holds(p point) bool {
	return p.x > r.x && p.x < r.right() && p.y > r.y && p.y < r.bottom()
}

// kinds returns the kinds that occur, in order.
func (l *layerLayout) kinds() (present []LayerKind) {
	for kind := range layerKinds {
		if slices.ContainsFunc(l.Layers, func(n LayerNode) bool { return n.Kind == LayerKind(kind) }) {
			present = append(present, LayerKind(kind))
		}
	}
	return present
}

func (l *layerLayout) legendWidth() (width float64) {
	for _, kind := range l.kinds() {
		width += legendEntry(kind.String())
	}
	return width
}
