// Package kernel holds the arithmetic of the ops: convolutions, matrix products, pooling,
// activations and optimizer updates over plain slices. It knows no graph and checks no shapes; the
// ops above it do. README.md states the contract of every assembly function. Every kernel
//
//   - gives the same bits for every worker count: the shape alone decides how the work is cut into
//     shards, and sums run in a fixed order;
//   - allocates nothing once its workspace has grown to its shape;
//   - exists in portable Go for float32 and float64; some also have float32 assembly, chosen once
//     at start (see active).
package kernel

// Float is the element type of every kernel.
type Float interface{ float32 | float64 }
