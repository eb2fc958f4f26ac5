package ops

import (
	"math"

	G "gorgonia.org/gorgonia"

	"convgraph/internal/kernel"
)

// Functions returns the built-in activations with their usual constants. In float32 their values
// are off by at most 10·2^-24 of themselves or of 1/16, whichever is larger; their slopes by at
// most 5·2^-24, times the steepest slope if it is above 1.
func Functions() []Function {
	return []Function{
		ReLUFunction(), LeakyReLUFunction(0.01), ClipFunction(0, 6),
		ELUFunction(1), SELUFunction(), CELUFunction(1),
		SigmoidFunction(), HardSigmoidFunction(1.0/6, 0.5), TanhFunction(1, 1), SoftsignFunction(), ErfFunction(),
		SiLUFunction(), HardSwishFunction(), MishFunction(), GELUFunction(), GELUTanhFunction(), SoftplusFunction(),
	}
}

// ReLU is the rectifier, y = max(x, 0), element by element on any shape. Its gradient at 0 is 0.
func ReLU(x *G.Node) (*G.Node, error) { return ReLUFunction().Apply(x) }

// ReLUFunction is the rectifier. x > 0 exactly where y > 0.
func ReLUFunction() Function {
	return Function{
		Name: "ReLU", Formula: "max(x, 0)",
		Value:           func(x float64) float64 { return max(x, 0) },
		Slope:           func(x float64) float64 { return either(x > 0, 1, 0) },
		SlopeFromResult: func(y float64) float64 { return either(y > 0, 1, 0) },
		PiecewiseLinear: true,
		single:          reluCurve[float32](),
		double:          reluCurve[float64](),
	}
}

// LeakyReLU is y = x above 0, alpha·x elsewhere (Maas et al. 2013), alpha at least 0. Its gradient
// at 0 is alpha.
func LeakyReLU(x *G.Node, alpha float64) (*G.Node, error) { return LeakyReLUFunction(alpha).Apply(x) }

// LeakyReLUFunction is the leaky rectifier. As alpha isn't negative, x > 0 exactly where y > 0.
func LeakyReLUFunction(alpha float64) Function {
	return Function{
		Name: "LeakyReLU", Formula: "x if x > 0, else alpha·x", Constants: []Constant{{"alpha", alpha}},
		Value:           func(x float64) float64 { return x * either(x > 0, 1, alpha) },
		Slope:           func(x float64) float64 { return either(x > 0, 1, alpha) },
		SlopeFromResult: func(y float64) float64 { return either(y > 0, 1, alpha) },
		PiecewiseLinear: true,
		single:          kernel.LeakyReLU(float32(alpha)),
		refusal: unless(finite32(alpha) && alpha >= 0,
			"alpha: got %g, want a finite number of at least 0", alpha),
	}
}

// Clip is y = x, but at least low and at most high; Clip(x, 0, 6) is ReLU6. Its gradient at the
// limits is 0.
func Clip(x *G.Node, low, high float64) (*G.Node, error) { return ClipFunction(low, high).Apply(x) }

// ClipFunction keeps x between two limits, one of which may be infinite.
func ClipFunction(low, high float64) Function {
	inside := func(v float64) float64 { return either(v <= low || v >= high, 0, 1) }
	return Function{
		Name: "Clip", Formula: "min(max(x, low), high)", Constants: []Constant{{"low", low}, {"high", high}},
		Value:           func(x float64) float64 { return min(max(x, low), high) },
		Slope:           inside,
		SlopeFromResult: inside,
		PiecewiseLinear: true,
		single:          kernel.ClippedLine(1, 0, float32(low), float32(high)),
		refusal: unless(
			float32(low) < float32(high), "low and high: got %g and %g, want a low below high", low, high),
	}
}

// ELU is y = x above 0, alpha·(e^x - 1) elsewhere (Clevert et al. 2016), alpha at least 0. Its
// gradient at 0 is alpha.
func ELU(x *G.Node, alpha float64) (*G.Node, error) { return ELUFunction(alpha).Apply(x) }

// ELUFunction is the exponential linear unit.
func ELUFunction(alpha float64) Function {
	return expLinear(1, alpha, 1, Function{
		Name: "ELU", Formula: "x if x > 0, else alpha·(e^x - 1)", Constants: []Constant{{"alpha", alpha}},
		refusal: unless(finite32(alpha) && alpha >= 0, "alpha: got %g, want a finite number of at least 0", alpha),
	})
}

// SELU is ELU, scaled so that activations keep a mean of 0 and a variance of 1 from layer to layer
// (Klambauer et al. 2017).
func SELU(x *G.Node) (*G.Node, error) { return SELUFunction().Apply(x) }

// SELUFunction is the scaled exponential linear unit with the constants of the paper's section 2.
func SELUFunction() Function {
	const lambda, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
	return expLinear(lambda, lambda*alpha, 1, Function{
		Name: "SELU", Formula: "λ·x if x > 0, else λ·α·(e^x - 1)",
	})
}

// CELU is y = x above 0, alpha·(e^(x/alpha) - 1) elsewhere (Barron 2017), alpha above 0. Its slope
// is 1 on both sides of 0.
func CELU(x *G.Node, alpha float64) (*G.Node, error) { return CELUFunction(alpha).Apply(x) }

// CELUFunction is the continuously differentiable exponential linear unit.
func CELUFunction(alpha float64) Function {
	return expLinear(1, alpha, 1/alpha, Function{
		Name: "CELU", Formula: "x if x > 0, else alpha·(e^(x/alpha) - 1)", Constants: []Constant{{"alpha", alpha}},
		refusal: unless(finite32(alpha, 1/alpha) && alpha > 0,
			"alpha: got %g, want a number above 0, finite like its inverse", alpha),
	})
}

// expLinear completes a function y = a·x above 0, b·(e^(c·x) - 1) elsewhere. Below 0, dy/dx =
// b·c·e^(c·x) = c·(y + b).
func expLinear(a, b, c float64, f Function) Function {
	f.Value = func(x float64) float64 { return either(x > 0, a*x, b*math.Expm1(min(c*x, 0))) }
	f.Slope = func(x float64) float64 { return either(x > 0, a, b*c*math.Exp(min(c*x, 0))) }
	f.SlopeFromResult = func(y float64) float64 { return either(y > 0, a, c*(y+b)) }
	f.Curvature = func(y float64) float64 { return either(y < 0, c, 0) }
	f.single = kernel.ExpLinear(float32(a), float32(b), float32(c))
	return f
}

// Sigmoid is the logistic function y = 1/(1+e^-x), element by element on any shape.
func Sigmoid(x *G.Node) (*G.Node, error) { return SigmoidFunction().Apply(x) }

// SigmoidFunction is the logistic function σ. σ'(x) = y·(1-y).
func SigmoidFunction() Function {
	return Function{
		Name: "Sigmoid", Formula: "1/(1 + e^-x)",
		Value:           logistic,
		Slope:           func(x float64) float64 { return logistic(x) * logistic(-x) },
		SlopeFromResult: func(y float64) float64 { return y * (1 - y) },
		Curvature:       func(y float64) float64 { return 1 - 2*y },
		single:          sigmoidCurve[float32](),
		double:          sigmoidCurve[float64](),
	}
}

func sigmoidCurve[T kernel.Float]() kernel.Curve[T] {
	return kernel.Curve[T]{Forward: kernel.Sigmoid[T], Backward: kernel.SigmoidBackward[T]}
}

// HardSigmoid is y = alpha·x + beta, but at least 0 and at most 1. PyTorch has alpha = 1/6 and beta
// = 1/2, ONNX 1/5 and 1/2 unless told otherwise. Its gradient at the kinks is 0.
func HardSigmoid(x *G.Node, alpha, beta float64) (*G.Node, error) {
	return HardSigmoidFunction(alpha, beta).Apply(x)
}

// HardSigmoidFunction is a line between 0 and 1.
func HardSigmoidFunction(alpha, beta float64) Function {
	line := func(x float64) float64 { return min(max(alpha*x+beta, 0), 1) }
	slope := func(y float64) float64 { return either(y <= 0 || y >= 1, 0, alpha) }
	return Function{
		Name: "HardSigmoid", Formula: "min(max(alpha·x + beta, 0), 1)",
		Constants:       []Constant{{"alpha", alpha}, {"beta", beta}},
		Value:           line,
		Slope:           func(x float64) float64 { return slope(line(x)) },
		SlopeFromResult: slope,
		PiecewiseLinear: true,
		single:          kernel.ClippedLine(float32(alpha), float32(beta), 0, 1),
		refusal: unless(
			finite32(alpha, beta), "alpha and beta: got %g and %g, want finite numbers", alpha, beta),
	}
}

// Tanh is the hyperbolic tangent, element by element on any shape.
func Tanh(x *G.Node) (*G.Node, error) { return ScaledTanh(x, 1, 1) }

// ScaledTanh is y = a·tanh(b·x), element by element on any shape. LeCun et al. 1998 (appendix A)
// take a = 1.7159, b = 2/3, so that f(±1) = ±1.
func ScaledTanh(x *G.Node, a, b float64) (*G.Node, error) { return TanhFunction(a, b).Apply(x) }

// TanhFunction is a·tanh(b·x). With t = tanh(b·x) = y/a, dy/dx = a·b·(1-t²) = b·(a - y²/a).
func TanhFunction(a, b float64) Function {
	f := Function{
		Name: "Tanh", Formula: "tanh(x)",
		Value:           func(x float64) float64 { return a * math.Tanh(b*x) },
		Slope:           func(x float64) float64 { return a * b / (math.Cosh(b*x) * math.Cosh(b*x)) },
		SlopeFromResult: func(y float64) float64 { return b * (a - y*y/a) },
		Curvature:       func(y float64) float64 { return -2 * b * y / a },
		single:          tanhCurve[float32](a, b),
		double:          tanhCurve[float64](a, b),
		refusal: unless(float32(a) != 0 && finite(a, b),
			"a and b: got %g and %g, want finite numbers, and an a that isn't 0", a, b),
	}
	if a != 1 || b != 1 {
		f.Formula, f.Constants = "a·tanh(b·x)", []Constant{{"a", a}, {"b", b}}
	}
	return f
}

func tanhCurve[T kernel.Float](a, b float64) kernel.Curve[T] {
	return kernel.Curve[T]{
		Forward:  func(x, y []T) { kernel.Tanh(T(a), T(b), x, y) },
		Backward: func(y, dy, dx []T) { kernel.TanhBackward(T(a), T(b), y, dy, dx) },
	}
}

// Softsign is y = x/(1 + |x|).
func Softsign(x *G.Node) (*G.Node, error) { return SoftsignFunction().Apply(x) }

// SoftsignFunction is x/(1 + |x|). dy/dx = 1/(1+|x|)² = (1-|y|)².
func SoftsignFunction() Function {
	return Function{
		Name: "Softsign", Formula: "x/(1 + |x|)",
		Value:           func(x float64) float64 { return x / (1 + math.Abs(x)) },
		Slope:           func(x float64) float64 { return 1 / square(1+math.Abs(x)) },
		SlopeFromResult: func(y float64) float64 { return square(1 - math.Abs(y)) },
		Curvature:       func(y float64) float64 { return either(y == 0, 0, 2*math.Copysign(math.Abs(y)-1, -y)) },
		single:          kernel.Softsign(),
	}
}

// Erf is the error function, y = 2/√π·∫ e^(-t²) dt from 0 to x.
func Erf(x *G.Node) (*G.Node, error) { return ErfFunction().Apply(x) }

// ErfFunction is the error function.
func ErfFunction() Function {
	return Function{
		Name: "Erf", Formula: "erf(x)",
		Value:     math.Erf,
		Slope:     func(x float64) float64 { return 2 / math.SqrtPi * math.Exp(-x*x) },
		Curvature: func(x float64) float64 { return -4 / math.SqrtPi * x * math.Exp(-x*x) },
	}
}

// SiLU is y = x·σ(x), σ the logistic function; also known as Swish (Elfwing et al. 2018,
// Ramachandran et al. 2017).
func SiLU(x *G.Node) (*G.Node, error) { return SiLUFunction().Apply(x) }

// SiLUFunction is x·σ(x). As 1-σ(x) = σ(-x), dy/dx = σ(x)·(1 + x·σ(-x)).
func SiLUFunction() Function {
	return Function{
		Name: "SiLU", Formula: "x·σ(x)",
		Value:     func(x float64) float64 { return x * logistic(x) },
		Slope:     func(x float64) float64 { return logistic(x) * (1 + x*logistic(-x)) },
		Curvature: func(x float64) float64 { return logistic(x) * logistic(-x) * (2 + x*(1-2*logistic(x))) },
		single:    kernel.SiLU(),
	}
}

// HardSwish is y = x·min(max(x/6 + 1/2, 0), 1) (Howard et al. 2019, section 5.2). Its gradient at
// -3 is 0, at 3 it is 1.
func HardSwish(x *G.Node) (*G.Node, error) { return HardSwishFunction().Apply(x) }

// HardSwishFunction is SiLU with a line for the logistic function.
func HardSwishFunction() Function {
	return Function{
		Name: "HardSwish", Formula: "x·min(max(x/6 + 1/2, 0), 1)",
		Value:     func(x float64) float64 { return x * (min(max(x+3, 0), 6) / 6) },
		Slope:     func(x float64) float64 { return either(x <= -3, 0, either(x >= 3, 1, x/3+0.5)) },
		Curvature: func(x float64) float64 { return either(x <= -3 || x >= 3, 0, 1.0/3) },
		single:    kernel.HardSwish(),
	}
}

// Mish is y = x·tanh(log(1 + e^x)) (Misra 2019).
func Mish(x *G.Node) (*G.Node, error) { return MishFunction().Apply(x) }

// MishFunction is x·t with t = tanh(log(1 + e^x)). The logarithm's slope is σ(x), so dy/dx = t +
// x·(1-t²)·σ(x).
func MishFunction() Function {
	gate := func(x float64) float64 { return math.Tanh(softplus(x)) }
	return Function{
		Name: "Mish", Formula: "x·tanh(log(1 + e^x))",
		Value: func(x float64) float64 { return x * gate(x) },
		Slope: func(x float64) float64 { return gate(x) + x*(1-square(gate(x)))*logistic(x) },
		Curvature: func(x float64) float64 {
			t, s := gate(x), logistic(x)
			return (1 - t*t) * s * (2 + x*(1-s) - 2*x*t*s)
		},
		single: kernel.Mish(),
	}
}

// GELU is y = x·Φ(x), Φ the normal distribution (Hendrycks and Gimpel 2016).
func GELU(x *G.Node) (*G.Node, error) { return GELUFunction().Apply(x) }

// GELUFunction is x·Φ(x), Φ(x) = (1 + erf(x/√2))/2. dy/dx = Φ(x) + x·φ(x), φ(x) = e^(-x²/2)/√(2π).
func GELUFunction() Function {
	normal := func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
	return Function{
		Name: "GELU", Formula: "x·Φ(x)",
		Value:     func(x float64) float64 { return x * normal(x) },
		Slope:     func(x float64) float64 { return normal(x) + x*math.Exp(-0.5*x*x)/math.Sqrt(2*math.Pi) },
		Curvature: func(x float64) float64 { return (2 - x*x) * math.Exp(-0.5*x*x) / math.Sqrt(2*math.Pi) },
		single:    kernel.GELU(),
	}
}

// GELUTanh is y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), an approximation of GELU by the same
// paper.
func GELUTanh(x *G.Node) (*G.Node, error) { return GELUTanhFunction().Apply(x) }

// GELUTanhFunction is x·σ(u) with u = 2√(2/π)·(x + 0.044715·x³), because (1 + tanh(u/2))/2 = σ(u).
// dy/dx = σ(u)·(1 + x·u'·σ(-u)).
func GELUTanhFunction() Function {
	const (
		line = 1.5957691216057307117597842397375 // 2√(2/π)
		cube = 0.044715 * line
	)
	gate := func(x float64) float64 { return logistic(line*x + cube*x*x*x) }
	return Function{
		Name: "GELUTanh", Formula: "x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))",
		Value: func(x float64) float64 { return x * gate(x) },
		Slope: func(x float64) float64 {
			x = min(max(x, -40), 40) // beyond, the gate is 0 or 1, and x³ might overflow
			return gate(x) * (1 + x*(line+3*cube*x*x)*gate(-x))
		},
		Curvature: func(x float64) float64 {
			x = min(max(x, -40), 40)
			g, u1, u2 := gate(x), line+3*cube*x*x, 6*cube*x
			return g * gate(-x) * (2*u1 + x*u2 + x*u1*u1*(1-2*g))
		},
		single: kernel.GELUTanh(),
	}
}

// Softplus is y = log(1 + e^x). It is exact for any x, where PyTorch takes x itself above 20.
func Softplus(x *G.Node) (*G.Node, error) { return SoftplusFunction().Apply(x) }

// SoftplusFunction is log(1 + e^x). dy/dx = σ(x) = 1 - e^-y.
func SoftplusFunction() Function {
	return Function{
		Name: "Softplus", Formula: "log(1 + e^x)",
		Value:           softplus,
		Slope:           logistic,
		SlopeFromResult: func(y float64) float64 { return -math.Expm1(-y) },
		Curvature:       func(y float64) float64 { return math.Exp(-y) },
		single:          kernel.Softplus(),
	}
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is log(1 + e^x), without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func square(v float64) float64 { return v * v }

func either(first bool, a, b float64) float64 {
	if first {
		return a
	}
	return b
}
