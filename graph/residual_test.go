package graph_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/ops"
)

// TestResNetsStep bounds what a training step of a ResNet-18 allocates, where one copy of a value
// would be 16 KB to 1 MB, and the memory it takes: what the plan says, and the kernels' scratch,
// which all layers share. A copy of the weights for each pass would be 140 MB.
func TestResNetsStep(t *testing.T) {
	spec, err := models.ByName("resnet18")
	require.NoError(t, err)
	spec.Input = tensor.Shape{3, 64, 64}
	const batch = 4
	plan, err := graph.PlanMemory(spec, batch)
	require.NoError(t, err)
	m := newModel(t, spec)
	ops.SetWorkers(1) // each has scratch of its own
	defer ops.SetWorkers(0)

	before := heapInUse()
	s := newStep(t, m, batch)
	run(t, s, 0)
	taken := int64(heapInUse()) - int64(before) - int64(s.Images().MemSize())
	assert.Greater(t, taken, plan[0].ArenaBytes)
	assert.Less(t, taken, plan[0].ArenaBytes+48<<20)
	assert.Less(t, bytesPerRun(t, s, 5), uint64(64<<10))
	runtime.KeepAlive(m)
}

// TestPredictionBatches: the batch of a prediction depends on its arena, not on the outputs of all
// layers. The arena has 16 MB, or as much as the weights if they are larger.
func TestPredictionBatches(t *testing.T) {
	for name, want := range map[string]int{"simpleconvnet": 64, "lenet": 64, "alexnet": 64, "resnet20": 64,
		"resnet18": 8, "squeezenet1_1": 4} {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		uses, err := graph.PlanMemory(spec, 2)
		require.NoError(t, err)
		assert.Equal(t, want, uses[1].Images, name)
		weights := int64(0)
		for _, p := range newModel(t, spec).Params() {
			weights += 4 * int64(p.Shape.TotalSize())
		}
		assert.LessOrEqual(t, uses[1].ArenaBytes, max(16<<20, weights), name)
	}
}
