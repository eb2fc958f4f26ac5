package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
)

func TestProfile(t *testing.T) {
	out := succeed(t, "profile", "simpleconvnet", "-batch", "2", "-seconds", "0", "-workers", "1")
	assert.Contains(t, out, "simpleconvnet: a training step of 2 images on 1 worker, fastest of 3 steps\n")
	for _, want := range []string{"GFLOP/s; copies", "conv1+relu1+pool1", "fc2", "of limit", "all "} {
		assert.Contains(t, out, want)
	}

	out = succeed(t, "profile", "simpleconvnet", "-batch", "2", "-seconds", "0", "-top", "1")
	table := strings.Split(strings.TrimSpace(out), "\n\n")[1]
	assert.Len(t, strings.Split(table, "\n"), 3, "head, one layer, all")
}

func TestProfileAsJSON(t *testing.T) {
	out := succeed(t, "profile", "resnet20", "-batch", "1", "-seconds", "0", "-json")
	var r struct {
		Training bool
		Layers   []struct {
			Name    string
			Forward graph.Work
			Limit   string
		}
		Machine struct {
			Peak   float64 `json:"multiply_adds_per_second"`
			Copies []struct {
				Bytes int64
				Rate  float64 `json:"bytes_per_second"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	assert.True(t, r.Training)
	assert.Positive(t, r.Machine.Peak)
	require.NotEmpty(t, r.Machine.Copies)
	assert.Positive(t, r.Machine.Copies[0].Rate)
	require.NotEmpty(t, r.Layers)
	assert.Positive(t, r.Layers[0].Forward.MultiplyAdds)
	assert.Contains(t, []string{"compute", "memory"}, r.Layers[0].Limit)
}

// TestRoof: a layer's limit is the sum over its passes of the larger of the two limits.
func TestRoof(t *testing.T) {
	m := machine{Workers: 1, Peak: 100, Copies: []copyRate{{64, 50}, {256, 20}, {1024, 10}}}
	l := m.roof(graph.LayerProfile{
		Forward: graph.Work{Seconds: 10, MultiplyAdds: 500, Bytes: 40}, // 5 s, or 0.8 s
		Weights: graph.Work{Seconds: 4, MultiplyAdds: 100, Bytes: 60},  // 1 s, or 1.2 s
	})
	assert.Equal(t, "compute", l.Limit)
	assert.InDelta(t, 5+1.2, l.LimitSeconds, 1e-12)
	assert.InDelta(t, 600./14/100, l.OfPeak, 1e-12)

	assert.Equal(t, "memory", m.roof(graph.LayerProfile{Data: graph.Work{Bytes: 300}}).Limit)
	assert.InDelta(t, 30, m.roof(graph.LayerProfile{Data: graph.Work{Bytes: 300}}).LimitSeconds, 1e-12)
	assert.InDelta(t, 500, m.roof(graph.LayerProfile{Data: graph.Work{Bytes: 5000}}).LimitSeconds, 1e-12,
		"more than was measured")
	assert.Empty(t, m.roof(graph.LayerProfile{}).Limit)
}

func TestProfileRefusesBadUsage(t *testing.T) {
	for _, args := range [][]string{{"-batch", "-1"}, {"-workers", "-1"}, {"-seconds", "-1"}, {"-seconds", "nan"},
		{"-top", "-1"}} {
		fail(t, cli.BadUsage, args[0], append([]string{"profile", "lenet"}, args...)...)
	}
}
