package viz

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// DOT writes the graph in Graphviz' language, with a cluster for each layer.
func (g Graph) DOT(w io.Writer) error {
	n, err := newNetwork(g)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	dotHead(&b, g.Title)
	n.dotClusters(&b)
	for i, e := range g.Edges {
		fmt.Fprintf(&b, "\t%s -> %s [label=%s%s]\n", quoteDOT(e.From), quoteDOT(e.To), quoteDOT(n.shape(i)),
			n.dotStyle(i))
	}
	b.WriteString("}\n")
	_, err = w.Write(b.Bytes())
	return err
}

func dotHead(b *bytes.Buffer, title string) {
	b.WriteString(
		"digraph {\n\trankdir=TB\n\tnode [shape=box style=\"rounded,filled\" fontname=\"Helvetica\" fontsize=11]\n")
	b.WriteString("\tedge [fontname=\"Helvetica\" fontsize=9 color=\"#5b6270\"]\n")
	if title != "" {
		fmt.Fprintf(b, "\tlabel=%s labelloc=t fontname=\"Helvetica\" fontsize=14\n", quoteDOT(title))
	}
}

// dotCluster opens a box.
func dotCluster(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "\tsubgraph %s {\n\t\tlabel=%s fontname=\"Helvetica\" fontsize=12 style=rounded color=\"#9aa1ad\"\n",
		quoteDOT("cluster_"+name), quoteDOT(name))
}

func (n *network) dotClusters(b *bytes.Buffer) {
	written := map[string]bool{"": true}
	for i, first := range n.Nodes {
		if first.Group == "" {
			b.WriteString("\t" + n.dotNode(i))
		}
		if written[first.Group] {
			continue
		}
		written[first.Group] = true
		dotCluster(b, first.Group)
		for j, node := range n.Nodes {
			if node.Group == first.Group {
				b.WriteString("\t\t" + n.dotNode(j))
			}
		}
		b.WriteString("\t}\n")
	}
}

func (n *network) dotNode(i int) string {
	node := n.Nodes[i]
	text := node.Label
	if node.Detail != "" {
		text += "\n" + node.Detail
	}
	if node.Shape != "" && (len(n.in[i]) == 0 || len(n.out[i]) == 0) { // otherwise its edges show it
		text += "\n" + node.Shape
	}
	c := kindColours[node.Kind]
	return fmt.Sprintf("%s [label=%s class=%s fillcolor=\"%s\" color=\"%s\"]\n",
		quoteDOT(node.ID), quoteDOT(text), quoteDOT(node.Kind.String()), c.fill, c.line)
}

// dotStyle dashes edges from the forward to the backward half, and keeps them from affecting the
// layout.
func (n *network) dotStyle(edge int) string {
	if n.Nodes[n.from[edge]].Kind != KindGradient && n.Nodes[n.to[edge]].Kind == KindGradient {
		return " style=dashed constraint=false"
	}
	return ""
}

func quoteDOT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
