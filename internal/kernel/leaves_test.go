package kernel

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLeavesDependOnTheBatchAlone(t *testing.T) {
	for images, want := range map[int]int{
		1: 1, 2: 2, 3: 2, 4: 4, 7: 4, 8: 8, 32: 8, 63: 8, 64: 16, 100: 16, 128: 32, 200: 32, 256: 64, 1 << 20: 64,
	} {
		assert.Equal(t, want, Leaves(images), "%d images", images)
	}
	for images := 1; images < 300; images++ {
		end := 0
		for leaf := range Leaves(images) {
			from, to := Leaf(images, leaf)
			assert.Equal(t, end, from)
			assert.Less(t, from, to, "leaf %d of %d images is empty", leaf, images)
			end = to
		}
		assert.Equal(t, images, end)
	}
}

// A sum is written down as a formula, so that two orders of addition differ.
func formula(a, b string) string { return "(" + a + "+" + b + ")" }

func treeFormula(from, to int) string {
	if to-from == 1 {
		return fmt.Sprint(from)
	}
	return formula(treeFormula(from, (from+to)/2), treeFormula((from+to)/2, to))
}

// sequentialFormula adds leaves one after the other, as a shard does.
func sequentialFormula(t subtree) string {
	levels := make([]string, t.levels())
	for i := range t.to - t.from {
		level := leafLevel(i)
		levels[level] = fmt.Sprint(t.from + i)
		for range joinsAfter(i) {
			level--
			levels[level] = formula(levels[level], levels[level+1])
		}
	}
	return levels[0]
}

func TestSubtreesJoinToTheSameTree(t *testing.T) {
	for leaves := 1; leaves <= maxLeaves; leaves *= 2 {
		for most := 1; most <= leaves; most++ {
			for parts := 1; parts <= leaves; parts++ {
				var all []subtree
				var sums []string
				for part := range parts { // as ranks do: each joins what it has
					trees := subtrees(part*leaves/parts, (part+1)*leaves/parts, most)
					own := make([]string, len(trees))
					for i, tree := range trees {
						own[i] = sequentialFormula(tree)
					}
					adds, left := additions(trees)
					for _, a := range adds {
						own[a.to] = formula(own[a.to], own[a.from])
					}
					for n, i := range left {
						end := (part + 1) * leaves / parts
						if n+1 < len(left) {
							end = trees[left[n+1]].from
						}
						all, sums = append(all, subtree{trees[i].from, end}), append(sums, own[i])
					}
				}
				adds, left := additions(all)
				for _, a := range adds {
					sums[a.to] = formula(sums[a.to], sums[a.from])
				}
				assert.Equal(t, []int{0}, left)
				assert.Equal(t, treeFormula(0, leaves), sums[0], "%d leaves, %d parts, shards of %d", leaves,
					parts, most)
			}
		}
	}
}
