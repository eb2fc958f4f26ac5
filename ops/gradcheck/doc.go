// Package gradcheck compares gradients with central differences: for any gorgonia-built function of
// named inputs ([Check], [Test]), or for any loss whose gradients are computed elsewhere ([Func]).
//
// There are two modes. The full mode differentiates numerically at every element of every input,
// which costs a few evaluations of the function per element. The projected mode compares, for each
// input, the derivative along a few random directions, which involve every element, and at the few
// elements with the largest gradient. Its cost doesn't grow with the inputs, so it works for
// networks of any size.
//
// # How an element is compared
//
// With the gradient a of reverse mode, the numerical derivative n and a tolerance, an element
// passes if
//
//	|a - n| / max(|a|, |n|, floor) <= tolerance
//
// The floor is the smallest derivative that central differences can measure to the tolerance: the
// rounding error of n divided by the tolerance, where the rounding error is estimated from the size
// of the loss and of its terms. Below the floor the comparison is absolute, so zeros compare too.
// The report states the largest floor that an input needed.
//
// Where the function has a kink (a rectifier at 0, two equal maxima of a window) the difference
// quotient is meaningless. Kinks are easy to detect: the two one-sided quotients don't approach
// each other when the step shrinks. The checker then retries with smaller steps. If it finds a step
// that doesn't reach the kink, it compares the element as usual and the report counts it as
// retried. If the element is at the kink, its gradient must lie between the one-sided derivatives,
// and the report counts it as a kink. More than a tenth of kinks in one input is an error, because
// such a report shows too little. The projected mode takes the next element or direction in place
// of one at a kink; it is an error if it finds fewer comparisons away from kinks than directions
// were asked for.
//
// Where several kinks meet, the one-sided derivatives don't bound a valid gradient. Let u be the
// gradients that arrive at the windows w of a max pooling whose elements k tie, and d the elements'
// derivatives. Reverse mode takes one element of each window:
//
//	a = sum_w u_w d_wk(w)    between    sum_w min_k u_w d_wk    and    sum_w max_k u_w d_wk
//
// while the one-sided derivatives of the loss are sum_w u_w max_k d_wk and sum_w u_w min_k d_wk.
// They bound a only if all u_w have the same sign. Such points are also detectable: moving all
// inputs a little makes gradients outside the bounds appear. There the checker compares the
// gradient at a point beside the kinks instead.
package gradcheck
