package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
)

// The file is what go generate writes.
func TestSchemaIsGenerated(t *testing.T) {
	want, err := schema("../..")
	require.NoError(t, err)
	got, err := os.ReadFile("../../../docs/spec.schema.json")
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "go generate ./graph writes it")
}

// Every layer has a comment, which an editor shows.
func TestLayersHaveComments(t *testing.T) {
	comments, err := read("../..")
	require.NoError(t, err)
	for _, kind := range graph.Kinds() {
		layer, _ := graph.LayerOfKind(kind)
		text, err := definition(kind, layer, comments)
		require.NoError(t, err)
		assert.NotContains(t, text, `"description": "",`, kind)
	}
}
