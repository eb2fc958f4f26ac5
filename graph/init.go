package graph

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// An Init is a distribution of initial weights. It may depend on the fan-in n, the number of inputs
// that each output of the layer sums over. The zero value means: as the spec says. In JSON an Init
// is a name, or a number, the std of a Gaussian.
type Init struct {
	name string
	std  float64 // of a Gaussian
}

// Gaussian is a normal distribution of mean 0 and the given std.
func Gaussian(std float64) Init { return Init{name: gaussian, std: std} }

// He is Gaussian(√(2/n)), for layers followed by ReLU (He et al. 2015).
func He() Init { return Init{name: "he"} }

// Xavier is Gaussian(√(1/n)), for layers followed by a sigmoid or tanh (Glorot and Bengio 2010, in
// the variant of the book Deep Learning from Scratch).
func Xavier() Init { return Init{name: "xavier"} }

// XavierSigmoid is Gaussian(4·√(1/n)): Xavier for the logistic function. The function's slope at 0
// is 1/4, so weights four times as large keep a signal's size from layer to layer.
func XavierSigmoid() Init { return Init{name: "xavier-sigmoid"} }

// LeCunUniform is uniform between -2.4/n and 2.4/n (LeCun et al. 1998, appendix A, section II.B).
func LeCunUniform() Init { return Init{name: "lecun-uniform"} }

const gaussian = "gaussian"

var initNames = []string{"he", "xavier", "xavier-sigmoid", "lecun-uniform"}

// ParseInit parses a name or a number: "he" or "relu", "xavier" or "sigmoid", "xavier-sigmoid",
// "lecun-uniform", or the std of a Gaussian. These include the values of the book's
// weight_init_std.
func ParseInit(s string) (Init, error) {
	switch name := strings.ToLower(s); name {
	case "relu":
		return He(), nil
	case "sigmoid":
		return Xavier(), nil
	default:
		if slices.Contains(initNames, name) {
			return Init{name: name}, nil
		}
	}
	std, err := strconv.ParseFloat(s, 64)
	if err != nil || Gaussian(std).check() != nil {
		return Init{}, fmt.Errorf("initialization: got %q, want a std of at least 0, or one of %s",
			s, strings.Join(initNames, ", "))
	}
	return Gaussian(std), nil
}

// MarshalJSON writes a Gaussian as its std and the others as their names.
func (i Init) MarshalJSON() ([]byte, error) {
	if i.name == gaussian {
		return json.Marshal(i.std)
	}
	return json.Marshal(i.name)
}

// UnmarshalJSON reads a number or a name.
func (i *Init) UnmarshalJSON(data []byte) error {
	name := string(data)
	if strings.HasPrefix(name, `"`) {
		if err := json.Unmarshal(data, &name); err != nil {
			return err
		}
	}
	parsed, err := ParseInit(name)
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}

// String returns the name, and the std of a Gaussian.
func (i Init) String() string {
	if i.name == gaussian {
		return fmt.Sprintf("gaussian %g", i.std)
	}
	return i.name
}

// code returns the Go expression that makes the Init.
func (i Init) code() string {
	switch i.name {
	case gaussian:
		return fmt.Sprintf("Gaussian(%g)", i.std)
	case "he":
		return "He()"
	case "xavier":
		return "Xavier()"
	case "xavier-sigmoid":
		return "XavierSigmoid()"
	case "lecun-uniform":
		return "LeCunUniform()"
	}
	return "Init{}"
}

// check returns an error for a Gaussian of a negative or infinite std.
func (i Init) check() error {
	if !(i.std >= 0) || math.IsInf(i.std, 0) {
		return fmt.Errorf("initialization: got %v, want a std of at least 0", i)
	}
	return nil
}

func (i Init) orElse(other Init) Init {
	if i.name == "" {
		return other
	}
	return i
}

// draw returns a generator of weights with the given fan-in.
func (i Init) draw(fanIn int, r *rand.Rand) func() float64 {
	n := float64(fanIn)
	if i.name == "lecun-uniform" {
		return func() float64 { return (2*r.Float64() - 1) * 2.4 / n }
	}
	std := map[string]float64{
		gaussian: i.std, "he": math.Sqrt(2 / n), "xavier": math.Sqrt(1 / n), "xavier-sigmoid": 4 * math.Sqrt(1/n),
	}[i.name]
	return func() float64 { return std * r.NormFloat64() }
}
