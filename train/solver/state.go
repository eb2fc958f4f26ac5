package solver

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorgonia.org/tensor"
)

// State is all that an optimizer remembers: with it, the same constants and the same gradients, a resumed run goes on bit for bit.
type State struct {
	Optimizer string
	Steps     int
	Slots     []Slot // in the order of their names
}

// Slot is one remembered array, as large as its parameter. Its name is made of optimizer, kind and parameter, such as
// "adam.m/conv1.weight".
type Slot struct {
	Name  string
	Value *tensor.Dense
}

// State returns the optimizer's memory. The arrays are the optimizer's own: the next Step changes them.
func (s *Optimizer) State() State {
	state := State{Optimizer: s.rule.name, Steps: s.steps}
	for _, parameter := range slices.Sorted(maps.Keys(s.memories)) {
		for i, slot := range s.memories[parameter].slots {
			state.Slots = append(state.Slots, Slot{s.rule.slotName(i, parameter), slot})
		}
	}
	slices.SortFunc(state.Slots, func(a, b Slot) int { return strings.Compare(a.Name, b.Name) })
	return state
}

func (r rule) slotName(i int, parameter string) string {
	return r.name + "." + r.slots[i] + "/" + parameter
}

// SetState replaces the optimizer's memory by copies of another's. On an error nothing was changed.
func (s *Optimizer) SetState(state State) error {
	if state.Optimizer != s.rule.name {
		return fmt.Errorf("solver: state is of optimizer %q: want %q", state.Optimizer, s.rule.name)
	}
	if state.Steps < 0 {
		return fmt.Errorf("solver: state after %d steps: want at least 0", state.Steps)
	}
	memories := map[string]*memory{}
	for _, slot := range state.Slots {
		if err := s.rule.remember(memories, slot); err != nil {
			return fmt.Errorf("solver: %w", err)
		}
	}
	for parameter, m := range memories {
		if i := slices.Index(m.slots, nil); i >= 0 {
			return fmt.Errorf("solver: state lacks %q", s.rule.slotName(i, parameter))
		}
	}
	s.memories, s.steps = memories, state.Steps
	return nil
}

// remember puts a copy of the slot's array into the memories.
func (r rule) remember(memories map[string]*memory, slot Slot) error {
	kind, parameter, _ := strings.Cut(slot.Name, "/")
	i := slices.IndexFunc(r.slots, func(name string) bool { return r.name+"."+name == kind })
	if i < 0 || parameter == "" {
		return fmt.Errorf("state has an array %q: want %s", slot.Name, r.slotForms())
	}
	value, err := dense(slot.Value)
	if err != nil {
		return fmt.Errorf("state's array %q %w", slot.Name, err)
	}
	m, ok := memories[parameter]
	if !ok {
		m = &memory{slots: make([]*tensor.Dense, len(r.slots))}
		memories[parameter] = m
	}
	if m.slots[i] != nil {
		return fmt.Errorf("state has two arrays %q", slot.Name)
	}
	m.slots[i] = value.Clone().(*tensor.Dense)
	return nil
}

func (r rule) slotForms() string {
	if len(r.slots) == 0 {
		return "none: " + r.name + " remembers nothing"
	}
	forms := make([]string, len(r.slots))
	for i := range forms {
		forms[i] = r.slotName(i, "NAME")
	}
	return strings.Join(forms, " or ")
}
