package kernel

import "math"

// BinaryCrossEntropy is the mean over all elements of -t·log p - (1-t)·log(1-p) with p = 1/(1+e^-x)
// for the logits x, computed as
//
//	max(x, 0) - x·t + log(1 + e^-|x|)
//
// which doesn't overflow and keeps the digits of small losses. Both losses sum each of the batch's
// rows and then the rows in order.
func BinaryCrossEntropy[T Float](part *Part, losses *Whole[float64], rows int, logits, target []T) T {
	return meanOfRows(part, losses, kernels[T]().binaryCrossEntropy, rows, logits, target)
}

// meanOfRows is the mean over all elements of a loss whose pass sums each row.
func meanOfRows[T Float](part *Part, losses *Whole[float64], apply pass[T], rows int, x, target []T) T {
	s := takeSweep[T]()
	sums, unit := s.sumWorkspace(rows), len(x)/rows
	s.do(rows, apply, operands[T]{a: x, b: target, sums: sums, unit: unit})
	total := sumOfRows(losses.Of(part, sums))
	s.done()
	return T(total / float64(unit*part.Total(rows)))
}

// sumOfRows adds the losses of rows in order.
func sumOfRows(losses []float64) float64 {
	total := 0.0
	for _, loss := range losses {
		total += loss
	}
	return total
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
func MeanSquaredError[T Float](part *Part, losses *Whole[float64], rows int, x, target []T) T {
	return meanOfRows(part, losses, kernels[T]().squaredErrors, rows, x, target)
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
