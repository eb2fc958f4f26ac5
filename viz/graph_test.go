package viz_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/graph/formats/dot"
	"gonum.org/v1/gonum/graph/formats/dot/ast"

	"convgraph/viz"
)

func TestGraphPictures(t *testing.T) {
	for name, g := range map[string]viz.Graph{
		"graph-forward": simpleConvNet(false), "graph": simpleConvNet(true), "graph-lenet": leNet(),
		"graph-residual": residual(),
	} {
		t.Run(name, func(t *testing.T) {
			var svg, again bytes.Buffer
			require.NoError(t, viz.EncodeSVG(&svg, g))
			require.NoError(t, viz.EncodeSVG(&again, g))
			require.Equal(t, svg.String(), again.String(), "the same graph gives the same text")
			sameText(t, filepath.Join("testdata", name+".svg"), svg.Bytes())
		})
	}
	var text bytes.Buffer
	require.NoError(t, viz.EncodeDOT(&text, simpleConvNet(true)))
	sameText(t, filepath.Join("testdata", "graph.dot"), text.Bytes())
}

func sameText(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with: go test ./viz -update")
	assert.Equal(t, string(want), string(got), path)
}

// Every node, layer and shape is in the picture, and every edge is a wire.
func TestGraphSVGShowsEverything(t *testing.T) {
	g := leNet()
	var svg bytes.Buffer
	require.NoError(t, viz.EncodeSVG(&svg, g))
	texts := svgTexts(t, svg.Bytes())
	for _, n := range g.Nodes {
		assert.Contains(t, texts, n.Label)
		assert.Contains(t, texts, n.Shape)
		if n.Group != "" {
			assert.Contains(t, texts, n.Group)
		}
	}
	titles := elements(t, svg.Bytes(), "title")
	for _, e := range g.Edges {
		assert.True(t, strings.Contains(strings.Join(titles, "\n"), e.From+" → "+e.To), "edge %s → %s", e.From, e.To)
	}
	assert.Len(t, elements(t, svg.Bytes(), "path"), len(g.Edges)+3+1, "a wire an edge, three tips, one in the legend")
}

// elements returns the text of each element of a name.
func elements(t *testing.T, document []byte, name string) []string {
	t.Helper()
	var found []string
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return found
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			var content struct {
				Text string `xml:",chardata"`
			}
			require.NoError(t, d.DecodeElement(&content, &start))
			found = append(found, content.Text)
		}
	}
}

func TestGraphTextIsEscaped(t *testing.T) {
	g := viz.Graph{Title: `a<b & "c"`,
		Nodes: []viz.GraphNode{{ID: `quo"te\`, Label: "x<y>&\"z\"", Group: `g"<`, Shape: "1×2"}, {ID: "second\nline"}},
		Edges: []viz.GraphEdge{{From: `quo"te\`, To: "second\nline"}}}
	var b bytes.Buffer
	require.NoError(t, viz.EncodeSVG(&b, g))
	assert.Subset(t, svgTexts(t, b.Bytes()), []string{`a<b & "c"`, "x<y>&\"z\"", `g"<`})
	b.Reset()
	require.NoError(t, viz.EncodeDOT(&b, g))
	_, err := dot.ParseString(b.String())
	require.NoError(t, err, b.String())
}

// The DOT text has all nodes and edges, and a cluster for each layer.
func TestGraphDOTParses(t *testing.T) {
	g := leNet()
	var b bytes.Buffer
	require.NoError(t, viz.EncodeDOT(&b, g))
	file, err := dot.ParseString(b.String())
	require.NoError(t, err)
	nodes, edges, clusters := countDOT(file.Graphs[0].Stmts)
	assert.Equal(t, len(g.Nodes), nodes)
	assert.Equal(t, len(g.Edges), edges)
	assert.Equal(t, 11, clusters)
}

func countDOT(statements []ast.Stmt) (nodes, edges, clusters int) {
	for _, s := range statements {
		switch s := s.(type) {
		case *ast.NodeStmt:
			nodes++
		case *ast.EdgeStmt:
			edges++
		case *ast.Subgraph:
			n, e, _ := countDOT(s.Stmts)
			nodes, edges, clusters = nodes+n, edges+e, clusters+1
		}
	}
	return nodes, edges, clusters
}

func TestGraphsThatAreNone(t *testing.T) {
	node := func(id string) viz.GraphNode { return viz.GraphNode{ID: id} }
	for want, g := range map[string]viz.Graph{
		"graph: no nodes": {},
		`graph: nodes 0 and 1 have the same ID "a"`: {Nodes: []viz.GraphNode{node("a"), node("a")}},
		`graph: node "a" has the unknown kind 9`:    {Nodes: []viz.GraphNode{{ID: "a", Kind: 9}}},
		`graph: edge 0 enters the unknown node "b"`: {Nodes: []viz.GraphNode{node("a")},
			Edges: []viz.GraphEdge{{From: "a", To: "b"}}},
		`graph: edge 0 leaves the unknown node "b"`: {Nodes: []viz.GraphNode{node("a")},
			Edges: []viz.GraphEdge{{From: "b", To: "a"}}},
		"graph: a cycle runs through b → c → b": {
			Nodes: []viz.GraphNode{node("a"), node("b"), node("c"), node("d")},
			Edges: []viz.GraphEdge{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "c", To: "b"},
				{From: "c", To: "d"}},
		},
	} {
		assert.EqualError(t, viz.EncodeSVG(io.Discard, g), want)
		assert.EqualError(t, viz.EncodeDOT(io.Discard, g), want)
	}
}

func TestWriteDOT(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph.dot")
	require.NoError(t, viz.WriteDOT(path, simpleConvNet(false)))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "digraph {"))
	assert.ErrorContains(t, viz.WriteDOT(path, viz.Graph{}), path+": graph: no nodes")
}
