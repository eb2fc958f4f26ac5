package graph

import (
	"fmt"
	"math"
	"slices"
	"time"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// A Profile is the time of a training step, or of a prediction if nothing is trained, by layer.
type Profile struct {
	Model    string         `json:"model"`
	Images   int            `json:"images"`
	Training bool           `json:"training"`
	Rounds   int            `json:"rounds"`  // number of measured rounds; each time is the shortest of them
	Seconds  float64        `json:"seconds"` // of all layers, the loss and the sums at forks, without the solver
	Layers   []LayerProfile `json:"layers"`
}

// A LayerProfile is the share of one layer, or of a fused group. The last rows of a training step
// are the loss and, in a network with branches, the sums of gradients at forks.
type LayerProfile struct {
	Name    string `json:"name"`    // "conv1+relu1+pool1"
	Forward Work   `json:"forward"` // the result
	Data    Work   `json:"data"`    // the gradient of what the layer reads
	Weights Work   `json:"weights"` // the gradients of its parameters
}

// Work is the time of some ops, and what they compute in it. The zero Work means no ops.
type Work struct {
	Seconds      float64 `json:"seconds"`
	MultiplyAdds int64   `json:"multiply_adds"`
	Bytes        int64   `json:"bytes"` // of operands and results, each counted once for each op
}

// Add returns the sum of two Works.
func (w Work) Add(other Work) Work {
	return Work{w.Seconds + other.Seconds, w.MultiplyAdds + other.MultiplyAdds, w.Bytes + other.Bytes}
}

// Total returns the sum of the three passes.
func (l LayerProfile) Total() Work { return l.Forward.Add(l.Data).Add(l.Weights) }

// Rows of a profile that belong to no layer.
const (
	lossRow  = "(loss)"
	forksRow = "(sums at forks)"
)

// Profile runs steps on random images for about the given time, at least three of them, and
// measures each op. It changes neither parameters nor running statistics.
func (m *Model) Profile(images int, atLeast time.Duration) (*Profile, error) {
	if err := m.checkBatch(images); err != nil {
		return nil, err
	}
	building.Lock()
	net, order, err := m.lowerProfile(images)
	building.Unlock()
	if err != nil {
		return nil, err
	}
	p := programOf(order)
	if err := newPlan(order, append(net.outputs(), net.logits)).give(m.dtype); err != nil {
		return nil, err
	}
	times, rounds, err := p.measure(atLeast)
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	profile := net.profile(p, times)
	profile.Rounds = rounds
	return profile, nil
}

// lowerProfile builds the symbolic graph of a step, or of a prediction if the model can't be
// trained, with random images and targets, and returns its ops in order.
func (m *Model) lowerProfile(images int) (*symbolic, G.Nodes, error) {
	var net *symbolic
	var err error
	if m.trainable() {
		net, err = m.lowerStep(images, stepConfig{unfused: m.unfused})
	} else if net, err = m.lower(images, lowering{fused: !m.unfused}); err == nil {
		net.loss = net.logits // the one output
	}
	if err != nil {
		return nil, nil, err
	}
	if err := net.fill(); err != nil {
		return nil, nil, err
	}
	order, err := tapeOrder(net.graph.ExactSubgraphRoots(net.outputs()...))
	return net, order, err
}

// programOf returns the program that runs the ops in the given order.
func programOf(order G.Nodes) *program {
	p := newProgram()
	for _, n := range order {
		p.add(n)
	}
	return p
}

// measure runs the program for about the given time and returns each op's shortest time, to exclude
// interruptions by other processes. The first round isn't measured: the kernels allocate their
// scratch memory in it.
func (p *program) measure(atLeast time.Duration) (shortest []time.Duration, rounds int, err error) {
	if err := p.run(); err != nil {
		return nil, 0, err
	}
	shortest = slices.Repeat([]time.Duration{math.MaxInt64}, len(p.steps))
	began := time.Now()
	for rounds < leastRounds || time.Since(began) < atLeast && rounds < mostRounds {
		for i := range p.steps {
			start := time.Now()
			if err := p.step(&p.steps[i]); err != nil {
				return nil, 0, err
			}
			shortest[i] = min(shortest[i], time.Since(start))
		}
		rounds++
	}
	return shortest, rounds, nil
}

const leastRounds, mostRounds = 3, 10_000

// profile adds up the ops' times by layer and pass.
func (s *symbolic) profile(p *program, times []time.Duration) *Profile {
	t := s.newTally()
	for i := range p.steps {
		n := p.steps[i].node
		pass := t.pass(n)
		*pass = pass.Add(Work{Seconds: times[i].Seconds(), Bytes: s.bytesOf(n)})
	}
	profile := &Profile{Model: s.model.spec.Name, Images: s.x.Shape()[0], Training: s.t != nil, Layers: t.layers}
	for i := range profile.Layers {
		l := &profile.Layers[i]
		if i < len(s.groups) {
			l.count(s.groups[i].multiplyAdds()*int64(profile.Images), s.passesBack(p, s.groups[i]))
		}
		profile.Seconds += l.Total().Seconds
	}
	return profile
}

// count sets the multiply-adds of the passes that ran. Both backward passes of a convolution or an
// affine layer have as many as the forward pass. The network's first layer passes no gradient back,
// though a rectifier in the same op may do some work.
func (l *LayerProfile) count(multiplyAdds int64, passesBack bool) {
	l.Forward.MultiplyAdds = multiplyAdds
	if l.Data.Bytes > 0 && passesBack {
		l.Data.MultiplyAdds = multiplyAdds
	}
	if l.Weights.Bytes > 0 {
		l.Weights.MultiplyAdds = multiplyAdds
	}
}

// passesBack reports whether the gradient of a group's input is computed. If the group has a matrix
// or filters, it is the gradient that reads them.
func (s *symbolic) passesBack(p *program, g group) bool {
	var weights G.Nodes
	for _, param := range g.nodes[0].Parameters {
		if param.Shape.Dims() > 1 {
			weights = append(weights, s.params[param])
		}
	}
	if len(weights) == 0 {
		return true
	}
	return slices.ContainsFunc(p.steps, func(i instruction) bool {
		info, _ := ops.Describe(i.node.Op())
		readsWeights := func(c *G.Node) bool { return slices.Contains(weights, c) }
		return info.GradientOf != 0 && slices.ContainsFunc(children(i.node), readsWeights)
	})
}

// A tally sorts ops into the rows of a profile.
type tally struct {
	layers    []LayerProfile
	rows      map[string]int   // index by the name of a layer, lossRow or forksRow
	owners    opOwners         // of the forward ops
	ofWeights map[*G.Node]bool // gradients that the step is run for
}

func (s *symbolic) newTally() *tally {
	t := &tally{rows: map[string]int{}, owners: s.layerOps(), ofWeights: map[*G.Node]bool{}}
	for _, e := range s.estimates {
		t.owners.claim(e.value, e.parameter.Node())
	}
	if s.t != nil {
		t.owners.claim(s.loss, lossRow)
	}
	for _, g := range s.groups {
		for _, n := range g.nodes {
			t.rows[n.Name] = len(t.layers)
		}
		t.layers = append(t.layers, LayerProfile{Name: g.name()})
	}
	for i := range s.trained {
		t.ofWeights[s.grads[i]] = true
	}
	return t
}

// pass returns where an op's work is counted.
func (t *tally) pass(n *G.Node) *Work {
	info, ours := ops.Describe(n.Op())
	name, forward := t.owners[info.ID]
	if !forward {
		switch name = t.owners[info.GradientOf]; {
		case name != "":
		case ours:
			name = forksRow
		default: // gorgonia's constant 1, the gradient of the loss
			name = lossRow
		}
	}
	row, known := t.rows[name]
	if !known {
		row = len(t.layers)
		t.rows[name] = row
		t.layers = append(t.layers, LayerProfile{Name: name})
	}
	switch {
	case forward:
		return &t.layers[row].Forward
	case t.ofWeights[n]:
		return &t.layers[row].Weights
	}
	return &t.layers[row].Data
}

// bytesOf returns the number of bytes that an op reads and writes, 0 for a view.
func (s *symbolic) bytesOf(n *G.Node) int64 {
	memory, _ := ops.AliasingOf(n.Op())
	if memory.View {
		return 0
	}
	elements := n.Shape().TotalSize()
	for _, operand := range children(n)[:memory.Reads] {
		elements += operand.Shape().TotalSize()
	}
	return int64(elements) * int64(s.model.dtype.Size())
}
