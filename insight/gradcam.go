package insight

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// LastMaps returns the layer that GradCAM uses by default, the last with maps before the classes:
// on the way back from the last convolution or affine layer, whose outputs are the classes, the
// first layer with maps of more than one cell.
func LastMaps(m *graph.Model) (*graph.Node, error) {
	n, classified := m.LogitsNode(), false
	for !n.IsInput() {
		if classified && isMaps(n.Shape) {
			return n, nil
		}
		switch n.Layer.(type) {
		case graph.Conv2D, graph.Affine:
			classified = true
		}
		n = n.Inputs[0]
	}
	return nil, fmt.Errorf("model %q has no layer of maps before its classes", m.Spec().Name)
}

func isMaps(s tensor.Shape) bool { return s.Dims() == 3 && s[1]*s[2] > 1 }

// gradCAM computes relu(Σk wₖ·Aₖ) with wₖ = mean of ∂score/∂Aₖ over the plane of the map Aₖ, scaled
// to the picture's size.
func (q *question) gradCAM() (*Heat, error) {
	maps, err := q.weighedMaps()
	if err != nil {
		return nil, err
	}
	h := q.blank()
	resize(h, maps)
	return h, nil
}

func (q *question) weighedMaps() (*Heat, error) {
	node, err := q.camLayer()
	if err != nil {
		return nil, err
	}
	p, err := q.model.NewPullback(1, q.model.LogitsNode().Name, node.Name)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	p.Weights().Float32s()[q.class] = 1
	if _, _, err := p.Run(q.asBatch(q.pixels)); err != nil {
		return nil, err
	}
	values, gradient, err := p.Between(0)
	if err != nil {
		return nil, err
	}
	small := &Heat{Height: node.Shape[1], Width: node.Shape[2], Values: make([]float32, node.Shape[1]*node.Shape[2])}
	plane := len(small.Values)
	sums := make([]float64, plane)
	for k := range node.Shape[0] {
		weight := 0.0
		for _, g := range gradient.Float32s()[k*plane:][:plane] {
			weight += float64(g) / float64(plane)
		}
		for i, v := range values.Float32s()[k*plane:][:plane] {
			sums[i] += weight * float64(v)
		}
	}
	for i, s := range sums {
		small.Values[i] = float32(max(s, 0))
	}
	return small, nil
}

func (q *question) camLayer() (*graph.Node, error) {
	if q.Layer == "" {
		return LastMaps(q.model)
	}
	n, err := q.model.Node(q.Layer)
	if err != nil {
		return nil, err
	}
	if !isMaps(n.Shape) {
		return nil, fmt.Errorf("layer %q gives %v, want maps (C, H, W)", n.Name, n.Shape)
	}
	return n, nil
}

// resize fills dst from src by bilinear interpolation between the centers of its cells.
func resize(dst, src *Heat) {
	rows, columns := between(dst.Height, src.Height), between(dst.Width, src.Width)
	for y, r := range rows {
		for x, c := range columns {
			at := func(row, column int) float64 { return float64(src.Values[row*src.Width+column]) }
			top := (1-c.share)*at(r.low, c.low) + c.share*at(r.low, c.high)
			bottom := (1-c.share)*at(r.high, c.low) + c.share*at(r.high, c.high)
			dst.Values[y*dst.Width+x] = float32((1-r.share)*top + r.share*bottom)
		}
	}
}

// neighbors are the two cells around a position, and its distance from the first.
type neighbors struct {
	low, high int
	share     float64
}

func between(out, in int) []neighbors {
	all := make([]neighbors, out)
	for i := range all {
		position := min(max((float64(i)+0.5)*float64(in)/float64(out)-0.5, 0), float64(in-1))
		low := int(position)
		all[i] = neighbors{low, min(low+1, in-1), position - float64(low)}
	}
	return all
}
