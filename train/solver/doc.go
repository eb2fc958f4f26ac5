// Package solver holds the optimizers, each a gorgonia.Solver, and the learning-rate schedules.
//
// SGD, Momentum, Nesterov, AdaGrad, RMSProp and Adam follow Deep Learning from Scratch (Saitoh),
// including its order of operations. AdamW is Loshchilov and Hutter's in PyTorch's form. All of
// them can add L2 weight decay to the gradient (AdamW shrinks the weights instead) and clip the
// gradients by their global norm. They work on *tensor.Dense of float32 or float64 and allocate
// nothing after their first step.
package solver
