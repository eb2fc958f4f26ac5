// Package gradcheck compares gradients with central differences: of any gorgonia-built function of named inputs ([Check], [Test]), or of
// any loss whose gradients are computed elsewhere ([Func]).
//
// Two modes. The full mode differentiates numerically at every element of every input, so it costs a few evaluations of the function per
// element. The projected mode compares, for each input, the derivative along a few random directions, which every element takes part in,
// and at the few elements of the largest gradient: its cost doesn't grow with the inputs, so it serves for networks of any size.
//
// # How an element is compared
//
// With the gradient a of reverse mode, the numerical derivative n and a tolerance, an element passes if
//
//	|a - n| / max(|a|, |n|, floor) <= tolerance
//
// The floor is the smallest derivative of which central differences can tell the tolerance's share: rounding error of n / tolerance, with
// the rounding error estimated from the size of the loss and of its terms. Below it the comparison is an absolute one, so zeros compare.
// The report states the largest that an input needed.
//
// Where the function has a kink (a rectifier at 0, two equal maxima of a window) the difference quotient means nothing, and it gives itself
// away: the two one-sided quotients don't approach each other when the step shrinks. The checker then retries with ever smaller steps. If
// a step is found that doesn't reach the kink, the element is compared as any other (the report counts it as retried); if the element
// stands at the kink, its gradient must lie between the one-sided derivatives (the report counts it as a kink). A report with more than a
// tenth of kinks in one input is an error, because it shows too little.
//
// Where several kinks meet, the one-sided derivatives don't bound a valid gradient. With u the gradients that arrive at the windows w of a
// max pooling whose elements k tie, and d the elements' derivatives, reverse mode takes one element of each window:
//
//	a = sum_w u_w d_wk(w)    between    sum_w min_k u_w d_wk    and    sum_w max_k u_w d_wk
//
// while the one-sided derivatives of the loss are sum_w u_w max_k d_wk and sum_w u_w min_k d_wk: they bound a only if no u_w differs in
// sign. Such places give themselves away: move all inputs a little, and gradients outside the bounds appear. There the checker compares
// the gradient at a point beside the kinks instead.
package gradcheck
