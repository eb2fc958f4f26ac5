package kernel

// Normalize writes y = (x - mean[c])·scale[c] for x of (batch, channels, plane); a nil mean is 0.
func Normalize[T Float](batch, channels, plane int, x, mean, scale, y []T) {
	for i := range batch * channels {
		c := i % channels
		var m T
		if mean != nil {
			m = mean[c]
		}
		s, in, out := scale[c], x[i*plane:][:plane], y[i*plane:][:plane]
		for j, v := range in {
			out[j] = (v - m) * s
		}
	}
}
