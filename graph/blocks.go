package graph

import (
	"cmp"
	"fmt"
	"path"
	"slices"
)

// checkRecompute returns an error for a pattern that no layer matches.
func checkRecompute(patterns []string, nodes []*Node) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("recompute: pattern %q: %w", pattern, err)
		}
		if !slices.ContainsFunc(nodes, func(n *Node) bool { return matchedPart(pattern, n.Name) != "" }) {
			return fmt.Errorf("recompute: no layer's name matches %q", pattern)
		}
	}
	return nil
}

// matchedPart returns the shortest part of a layer's name that a pattern matches and that ends
// before a dot or with the name, or "" if there is none.
func matchedPart(pattern, name string) string {
	for end, r := range name + "." {
		if ok, _ := path.Match(pattern, name[:end]); ok && r == '.' {
			return name[:end]
		}
	}
	return ""
}

// recomputedBlocks maps the nodes that the patterns match to the names of their blocks.
func recomputedBlocks(patterns []string, nodes []*Node) map[*Node]string {
	blocks, run := map[*Node]string{}, ""
	for _, n := range nodes {
		var part string
		for _, pattern := range patterns {
			if part = matchedPart(pattern, n.Name); part != "" {
				break
			}
		}
		if part == n.Name { // a whole name: joins the layers before it
			run = cmp.Or(run, part)
			part = run
		} else {
			run = ""
		}
		if part != "" {
			blocks[n] = part
		}
	}
	return blocks
}
