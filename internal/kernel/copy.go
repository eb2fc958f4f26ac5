package kernel

// Copy copies blocks of equal size from one tensor to another.
type Copy[T Float] struct {
	blocks, size int
	from, to     func(block int) int // the offset of a block
	src, dst     []T
	run          func(worker, shard int)
}

// NewCopy returns a copy of blocks of size elements: block i is at from(i) in the source and at
// to(i) in the destination. Blocks must not overlap in the destination.
func NewCopy[T Float](blocks, size int, from, to func(block int) int) *Copy[T] {
	c := &Copy[T]{blocks: blocks, size: size, from: from, to: to}
	c.run = c.shard
	return c
}

// Reversed returns the copy from the destination back to the source.
func (c *Copy[T]) Reversed() *Copy[T] { return NewCopy[T](c.blocks, c.size, c.to, c.from) }

// Run copies from src to dst and leaves the rest of dst unchanged.
func (c *Copy[T]) Run(src, dst []T) {
	c.src, c.dst = src, dst
	Parallel((c.blocks+c.perShard()-1)/c.perShard(), c.run)
	c.src, c.dst = nil, nil
}

func (c *Copy[T]) perShard() int { return max(1, sweepShard/c.size) }

func (c *Copy[T]) shard(_, shard int) {
	first := shard * c.perShard()
	for i := first; i < min(first+c.perShard(), c.blocks); i++ {
		copy(c.dst[c.to(i):][:c.size], c.src[c.from(i):][:c.size])
	}
}
