package kernel

import "math/bits"

// A sum over the images of a batch that float32 rounds, such as the gradient of a convolution's
// weights, is made leaf by leaf. A leaf is a run of images; the sums of the leaves are added as a
// binary tree, neighbors first:
//
//	((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7))
//
// The batch's size alone decides the leaves. So the bits of the sum don't depend on who sums which
// leaves: the workers of one process, several processes, or one process part by part. A process
// that has all leaves of a subtree can add them without the others.

const (
	minLeaves     = 8  // of a batch with as many images
	maxLeaves     = 64 // of any batch
	imagesPerLeaf = 4  // fewest in a batch with more than minLeaves
)

// Leaves returns the number of leaves of a batch, a power of two.
func Leaves(images int) int {
	leaves := 1
	for 2*leaves <= images && (2*leaves <= minLeaves || 2*leaves*imagesPerLeaf <= images) && 2*leaves <= maxLeaves {
		leaves *= 2
	}
	return leaves
}

// Leaf returns which images of a batch a leaf holds: [from, to).
func Leaf(images, leaf int) (from, to int) {
	leaves := Leaves(images)
	return leaf * images / leaves, (leaf + 1) * images / leaves
}

// subtree is the leaves [from, to) of a batch. Their number is a power of two that divides from.
type subtree struct{ from, to int }

// subtrees cuts leaves [from, to) into the fewest subtrees of at most `most` leaves.
func subtrees(from, to, most int) []subtree {
	var cut []subtree
	for from < to {
		size := 1
		for 2*size <= most && from%(2*size) == 0 && from+2*size <= to {
			size *= 2
		}
		cut = append(cut, subtree{from, from + size})
		from += size
	}
	return cut
}

// addition adds the sum of one subtree to that of its left neighbor; both are indices.
type addition struct{ to, from int }

// additions lists what joins neighboring subtrees, in order, and the indices of the subtrees that
// then hold sums: one if the subtrees are a whole tree.
func additions(trees []subtree) (adds []addition, left []int) {
	var joined []subtree // of left
	for i, t := range trees {
		left, joined = append(left, i), append(joined, t)
		for n := len(joined); n > 1 && joined[n-2].joins(joined[n-1]); n-- {
			adds = append(adds, addition{to: left[n-2], from: left[n-1]})
			joined[n-2].to = joined[n-1].to
			left, joined = left[:n-1], joined[:n-1]
		}
	}
	return adds, left
}

// joins reports whether the tree adds the sum of the next subtree to this one's.
func (t subtree) joins(next subtree) bool {
	size := t.to - t.from
	return size == next.to-next.from && t.from%(2*size) == 0
}

// levels returns the number of sums that exist at once while the leaves are added one after the
// other, each as soon as its left neighbor is complete: leaf i of the subtree is summed at level
// leafLevel(i), and then joinsAfter(i) times the top level is added to the one below. The sum of
// the subtree is then at level 0.
func (t subtree) levels() int { return bits.Len(uint(t.to - t.from)) }

func leafLevel(i int) int { return bits.OnesCount(uint(i)) }

func joinsAfter(i int) int { return bits.TrailingZeros(uint(i + 1)) }
