package solver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorgonia.org/tensor"
)

// State is the complete state of an optimizer: with it, the same constants and the same gradients,
// a resumed run has the same bits.
type State struct {
	Optimizer string
	Steps     int
	Slots     []Slot // in the order of their names
}

// Slot is one array of the state, of the size of its parameter. Its name consists of optimizer,
// kind and parameter, such as "adam.m/conv1.weight".
type Slot struct {
	Name  string
	Value *tensor.Dense
}

// State returns the optimizer's state. The arrays are not copied: the next Step changes them.
func (s *Optimizer) State() State {
	state := State{Optimizer: s.rule.name, Steps: s.steps}
	for _, parameter := range slices.Sorted(maps.Keys(s.states)) {
		for i, slot := range s.states[parameter].slots {
			state.Slots = append(state.Slots, Slot{s.rule.slotName(i, parameter), slot})
		}
	}
	slices.SortFunc(state.Slots, func(a, b Slot) int { return strings.Compare(a.Name, b.Name) })
	return state
}

func (r rule) slotName(i int, parameter string) string {
	return r.name + "." + r.slots[i] + "/" + parameter
}

// SetState replaces the optimizer's state by a copy. On an error nothing is changed.
func (s *Optimizer) SetState(state State) error {
	if state.Optimizer != s.rule.name {
		return fmt.Errorf("solver: state: got optimizer %q, want %q", state.Optimizer, s.rule.name)
	}
	if s.sharing.part != nil {
		return errors.New("solver: state: its arrays are shared with other processes: want Unshare first")
	}
	if state.Steps < 0 {
		return fmt.Errorf("solver: state: got %d steps, want at least 0", state.Steps)
	}
	states := map[string]*paramState{}
	for _, slot := range state.Slots {
		if err := s.rule.restore(states, slot); err != nil {
			return fmt.Errorf("solver: %w", err)
		}
	}
	for parameter, m := range states {
		if i := slices.Index(m.slots, nil); i >= 0 {
			return fmt.Errorf("solver: state: array %q is missing", s.rule.slotName(i, parameter))
		}
	}
	s.states, s.steps = states, state.Steps
	return nil
}

// restore copies the slot's array into the states.
func (r rule) restore(states map[string]*paramState, slot Slot) error {
	kind, parameter, _ := strings.Cut(slot.Name, "/")
	i := slices.IndexFunc(r.slots, func(name string) bool { return r.name+"."+name == kind })
	if i < 0 || parameter == "" {
		return fmt.Errorf("state: got array %q, want %s", slot.Name, r.slotForms())
	}
	value, err := dense(slot.Value)
	if err != nil {
		return fmt.Errorf("state's array %q %w", slot.Name, err)
	}
	m, ok := states[parameter]
	if !ok {
		m = &paramState{slots: make([]*tensor.Dense, len(r.slots))}
		states[parameter] = m
	}
	if m.slots[i] != nil {
		return fmt.Errorf("state: array %q occurs twice", slot.Name)
	}
	m.slots[i] = value.Clone().(*tensor.Dense)
	return nil
}

func (r rule) slotForms() string {
	if len(r.slots) == 0 {
		return "none: " + r.name + " has no state"
	}
	forms := make([]string, len(r.slots))
	for i := range forms {
		forms[i] = r.slotName(i, "NAME")
	}
	return strings.Join(forms, " or ")
}
