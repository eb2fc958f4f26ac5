package kernel

import "math"

// BinaryCrossEntropy is the mean over all elements of -t·log p - (1-t)·log(1-p) with p = 1/(1+e^-x)
// for the logits x, computed as
//
//	max(x, 0) - x·t + log(1 + e^-|x|)
//
// which doesn't overflow and keeps the digits of small losses.
func BinaryCrossEntropy[T Float](logits, target []T) T {
	return T(sumStretches(kernels[T]().binaryCrossEntropy, logits, target) / float64(len(logits)))
}

func binaryCrossEntropy[T Float](o operands[T]) {
	for row := range o.sums {
		target := o.b[row*o.unit : (row+1)*o.unit]
		loss := 0.0
		for i, v := range o.a[row*o.unit : (row+1)*o.unit] {
			x := float64(v)
			loss += max(x, 0) - float64(x*float64(target[i])) + math.Log1p(math.Exp(-math.Abs(x)))
		}
		o.sums[row] = loss
	}
}

// BinaryCrossEntropyBackward is dlogits = scale·(p - target) with p = 1/(1+e^-logits). scale is the
// gradient of the loss divided by the number of elements.
func BinaryCrossEntropyBackward[T Float](logits, target []T, scale T, dlogits []T) {
	Sigmoid(logits, dlogits)
	ScaledDifference(dlogits, target, scale, dlogits)
}

// ScaledDifference is y = scale·(a - b). y may be a or b.
func ScaledDifference[T Float](a, b []T, scale T, y []T) {
	forEach(kernels[T]().crossEntropyBackward, operands[T]{a: a, b: b, c: y}, scale)
}

// MeanSquaredError is the mean over all elements of (x - t)².
func MeanSquaredError[T Float](x, target []T) T {
	return T(sumStretches(kernels[T]().squaredErrors, x, target) / float64(len(x)))
}

func squaredErrors[T Float](o operands[T]) {
	for row := range o.sums {
		target := o.b[row*o.unit : (row+1)*o.unit]
		loss := 0.0
		for i, v := range o.a[row*o.unit : (row+1)*o.unit] {
			d := float64(v) - float64(target[i])
			loss += float64(d * d)
		}
		o.sums[row] = loss
	}
}
