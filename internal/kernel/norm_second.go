package kernel

// Twin returns a normalization that shares n's means and variances and has backward sums of its
// own. It computes a second gradient of the same forward pass.
func (n *Norm[T]) Twin() *Norm[T] {
	t := NewNorm[T](n.NormShape)
	t.mean, t.variance, t.inverse, t.part = n.mean, n.variance, n.inverse, n.part
	return t
}

// Twin is [Norm.Twin].
func (n *ChannelNorm[T]) Twin() *ChannelNorm[T] {
	t := NewChannelNorm[T](n.ChannelNormShape)
	t.mean, t.inverse, t.part = n.mean, n.inverse, n.part
	return t
}
