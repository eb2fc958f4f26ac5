package solver

import (
	"fmt"
	"slices"
	"strings"
)

// None sets a field of Config to 0 where a plain 0 means the rule's default.
const None = -1

// Config holds an optimizer's constants. A field of 0 takes the rule's default (see Defaults); None
// sets it to 0.
type Config struct {
	LR       float64 `json:"lr"`                 // learning rate
	Momentum float64 `json:"momentum,omitempty"` // momentum and nesterov: factor of the velocity
	Decay    float64 `json:"decay,omitempty"`    // rmsprop: factor of the running mean of squares
	Beta1    float64 `json:"beta1,omitempty"`    // adam and adamw: factor of the running mean of gradients
	Beta2    float64 `json:"beta2,omitempty"`    // adam and adamw: factor of the running mean of squares
	Epsilon  float64 `json:"epsilon,omitempty"`  // adam and adamw: added to the denominator's root
	// λ: the gradient gets λ·p added; adamw subtracts lr·λ·p from p instead
	WeightDecay float64 `json:"weight_decay,omitempty"`
	// largest norm of all gradients together; larger ones are scaled down
	ClipNorm float64 `json:"clip_norm,omitempty"`
}

// Names returns the names of the optimizers.
func Names() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}

// Defaults returns the constants that New sets for fields of 0: the book's for its six optimizers,
// PyTorch's for adamw.
func Defaults(name string) (Config, error) {
	r, err := ruleNamed(name)
	return r.defaults, err
}

func ruleNamed(name string) (rule, error) {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == strings.ToLower(name) })
	if i < 0 {
		return rule{}, fmt.Errorf("solver: got optimizer %q, want one of %s", name, strings.Join(Names(), ", "))
	}
	return rules[i], nil
}

// field describes one constant of Config and its valid range.
type field struct {
	name    string
	in      func(*Config) *float64
	below1  bool // it must be below 1
	anyRule bool // every rule has it; others exist only for rules with a default for it
}

var fields = []field{
	{"LR", func(c *Config) *float64 { return &c.LR }, false, true},
	{"Momentum", func(c *Config) *float64 { return &c.Momentum }, true, false},
	{"Decay", func(c *Config) *float64 { return &c.Decay }, true, false},
	{"Beta1", func(c *Config) *float64 { return &c.Beta1 }, true, false},
	{"Beta2", func(c *Config) *float64 { return &c.Beta2 }, true, false},
	{"Epsilon", func(c *Config) *float64 { return &c.Epsilon }, false, false},
	{"WeightDecay", func(c *Config) *float64 { return &c.WeightDecay }, false, true},
	{"ClipNorm", func(c *Config) *float64 { return &c.ClipNorm }, false, true},
}

// complete sets the rule's defaults and checks the constants.
func (r rule) complete(c Config) (Config, error) {
	for _, f := range fields {
		v, preset := f.in(&c), *f.in(&r.defaults)
		if *v != 0 && preset == 0 && !f.anyRule {
			return c, fmt.Errorf("solver: %s is %g: %s has no such constant, leave it 0", f.name, *v, r.name)
		}
		switch *v {
		case 0:
			*v = preset
		case None:
			*v = 0
		}
		if err := f.check(*v); err != nil {
			return c, fmt.Errorf("solver: %s: %w", r.name, err)
		}
	}
	return c, nil
}

func (f field) check(v float64) error {
	if f.below1 && !(v >= 0 && v < 1) {
		return fmt.Errorf("%s: got %g, want at least 0 and below 1", f.name, v)
	}
	if !(v >= 0 && v <= maxConstant) {
		return fmt.Errorf("%s: got %g, want a finite number of at least 0", f.name, v)
	}
	return nil
}

// maxConstant is far above any sensible constant and fits a float32.
const maxConstant = 1e38
