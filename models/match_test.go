package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/models"
)

// mlp has three layers, of which the last two have the same shapes.
func mlp(t *testing.T) *graph.Model {
	t.Helper()
	m, err := graph.New(graph.Sequential("mlp", tensor.Shape{4}, graph.He(),
		graph.Affine{Units: 3}, graph.ReLU{}, graph.Affine{Units: 3}, graph.ReLU{}, graph.Affine{Units: 3},
		graph.Softmax{}))
	require.NoError(t, err)
	return m
}

// mlpArrays are parameters of mlp in a file's order and under its names: each holds the index of
// its layer, and half of one more if it is a bias.
func mlpArrays(names ...string) []formats.Array {
	arrays := make([]formats.Array, len(names))
	for i, name := range names {
		arrays[i] = array(name, []float32{0, 0, 0}, 3)
		if strings.HasSuffix(name, "weight") {
			arrays[i] = array(name, make([]float32, 9), 3, 3)
		}
	}
	return arrays
}

// first gives the layer its real width.
func first(arrays []formats.Array, name string) []formats.Array {
	i := slices.IndexFunc(arrays, func(a formats.Array) bool { return a.Name == name })
	arrays[i] = array(name, make([]float32, 12), 3, 4)
	return arrays
}

func extra(name string, shape ...int) formats.Array {
	return array(name, make([]float32, tensor.Shape(shape).TotalSize()), shape...)
}

var mlpNames = []string{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"}

// registered is an order in which PyTorch may have the modules.
var registered = []string{"fc1.weight", "fc1.bias", "fc3.weight", "fc3.bias", "fc2.weight", "fc2.bias"}

func under(prefix string, names []string) (all []string) {
	for _, name := range names {
		all = append(all, prefix+name)
	}
	return all
}

// TestMatchByNames: names decide, with any prefix and in any order.
func TestMatchByNames(t *testing.T) {
	for _, prefix := range []string{"", "module.", "model.", "_orig_mod.", "net.", "state_dict.",
		"state_dict.module._orig_mod.", "model_state_dict.", "a.b."} {
		arrays := first(mlpArrays(under(prefix, registered)...), prefix+"fc1.weight")
		arrays = append(arrays, array("epoch", []int64{7}),
			formats.Array{Name: "args", Err: errors.New("it is an object")},
			extra("optimizer.state.0.exp_avg", 3, 4), extra(prefix+"head.weight", 3, 3),
			array(prefix+"fc1.num_batches_tracked", []int64{7}))
		names, err := models.Match(mlp(t), arrays)
		require.NoError(t, err, prefix)
		want := map[string]string{}
		for _, name := range mlpNames {
			want[prefix+name] = name
		}
		assert.Equal(t, want, names)
	}
}

// TestMatchInsideWrappers: PyTorch may wrap any module.
func TestMatchInsideWrappers(t *testing.T) {
	arrays := first(mlpArrays("module.fc1.weight", "module.fc1.bias", "module.fc3._orig_mod.weight",
		"module.fc3._orig_mod.bias",
		"module.fc2._fsdp_wrapped_module._checkpoint_wrapped_module.weight", "module.fc2.bias"), "module.fc1.weight")
	names, err := models.Match(mlp(t), arrays)
	require.NoError(t, err)
	assert.Equal(t, "fc3.weight", names["module.fc3._orig_mod.weight"])
	assert.Equal(t, "fc2.weight", names["module.fc2._fsdp_wrapped_module._checkpoint_wrapped_module.weight"])
}

// TestMatchByPlace: modules are layers in their order; within one a weight is the weight, wherever
// it is.
func TestMatchByPlace(t *testing.T) {
	for what, names := range map[string][]string{
		"a sequence":     {"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"},
		"biases first":   {"0.bias", "0.weight", "2.bias", "2.weight", "4.bias", "4.weight"},
		"sorted by name": {"0.bias", "0.weight", "10.bias", "10.weight", "2.bias", "2.weight"},
		"within a checkpoint": {"model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias",
			"model.4.weight", "model.4.bias"},
		"some of our names":        {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "head.weight", "head.bias"},
		"names that say only this": {"l1.weight", "l1.bias", "l2.weight", "l2.bias", "l3.weight", "l3.bias"},
	} {
		arrays := first(mlpArrays(names...),
			names[slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, "weight") })])
		if what == "within a checkpoint" {
			arrays = append(arrays, extra("optimizer.state.0.exp_avg", 3, 4), array("epoch", []int64{1}))
		}
		got, err := models.Match(mlp(t), arrays)
		require.NoError(t, err, what)
		ordered := slices.Clone(names)
		if what == "sorted by name" {
			ordered = []string{"0.weight", "0.bias", "2.weight", "2.bias", "10.weight", "10.bias"}
		}
		if what == "biases first" {
			for i := 0; i < len(ordered); i += 2 {
				ordered[i], ordered[i+1] = ordered[i+1], ordered[i]
			}
		}
		want := map[string]string{}
		for i, name := range ordered {
			want[name] = mlpNames[i]
		}
		assert.Equal(t, want, got, what)
	}
}

// TestMatchPlainPlaces takes arrays without any words one by one.
func TestMatchPlainPlaces(t *testing.T) {
	arrays := []formats.Array{extra("arr_0", 3, 4), extra("arr_1", 3), extra("arr_2", 3, 3), extra("arr_3", 3),
		extra("arr_4", 3, 3), extra("arr_5", 3)}
	names, err := models.Match(mlp(t), arrays)
	require.NoError(t, err)
	for i, name := range mlpNames {
		assert.Equal(t, name, names[fmt.Sprintf("arr_%d", i)])
	}
}

// TestMatchRefuses: position isn't enough if a name contradicts it.
func TestMatchRefuses(t *testing.T) {
	for want, arrays := range map[string][]formats.Array{
		`model "mlp" has two layers of the same shapes, "second" and "third" in the file, ` +
			`whose names don't tell them apart: want a map of the names`: first(mlpArrays(
			"first.weight", "first.bias", "second.weight", "second.bias", "third.weight", "third.bias"),
			"first.weight"),
		`model "mlp" has two layers of the same shapes, "b3" and "b2" in the file, whose names don't tell them ` +
			`apart: want a map of the names`: first(mlpArrays(
			"a1.weight", "a1.bias", "b3.weight", "b3.bias", "b2.weight", "b2.bias"), "a1.weight"),
		`model "mlp" has a parameter "fc2.weight", but by its position array "module.fc2.weight" is "fc3.weight": ` +
			`want a map of the names`: first(mlpArrays(
			"module.fc1.weight", "module.fc1.bias", "module.head.weight", "module.head.bias", "module.fc2.weight",
			"module.fc2.bias"), "module.fc1.weight"),
		`model "mlp" has 6 parameters, of which the file has 5 under the prefix "module.": "fc3.bias" is missing; ` +
			`the file has ` +
			`"module.fc1.weight", "module.fc1.bias", "module.fc2.weight", "module.fc2.bias", ` +
			`"module.fc3.weight"`: first(mlpArrays(under("module.", mlpNames[:5])...), "module.fc1.weight"),
		`model "mlp" can't match array "b.running_mean": by its position it is "fc2.bias": want a map of the names`: {
			extra("a.weight", 3, 4), extra("a.bias", 3), extra("b.weight", 3, 3), extra("b.running_mean", 3),
			extra("c.weight", 3, 3), extra("c.bias", 3)},
		`model "mlp" has 2 parameters in layer "fc1", but the file has 1 arrays in "a": want a map of the names`: {
			extra("a.weight", 3, 4), extra("b.bias", 3), extra("b.weight", 3, 3), extra("b.running_mean", 3),
			extra("c.weight", 3, 3), extra("c.bias", 3)},
		`model "mlp": the file has all parameters under each of the prefixes "a.", "b.": ` +
			`want a map of the names`: append(
			first(mlpArrays(under("a.", mlpNames)...), "a.fc1.weight"),
			first(mlpArrays(under("b.", mlpNames)...), "b.fc1.weight")...),
		`model "mlp": two arrays under the prefix "" match "fc1.bias": want a map of the names`: append(
			first(mlpArrays(mlpNames...), "fc1.weight"), extra("_orig_mod.fc1.bias", 3)),
		`arrays 0 and 1 are both called "a": names must be unique`: {extra("a", 3),
			extra("a", 3)},
	} {
		_, err := models.Match(mlp(t), arrays)
		assert.EqualError(t, err, want)
	}
}

// TestMatchWithoutParameters matches a model without parameters.
func TestMatchWithoutParameters(t *testing.T) {
	m, err := graph.New(graph.Sequential("none", tensor.Shape{4}, graph.He(), graph.ReLU{}))
	require.NoError(t, err)
	names, err := models.Match(m, nil)
	require.NoError(t, err)
	assert.Empty(t, names)
	_, err = models.Match(m, []formats.Array{extra("a", 3)})
	assert.EqualError(t, err, `model "none" has 0 parameters, the file 1 arrays: "a"`)
}

// TestMatchCoefficients: LeNet's subsampling is a weight and a bias in PyTorch, in either order.
func TestMatchCoefficients(t *testing.T) {
	spec, err := models.ByName("lenet")
	require.NoError(t, err)
	m, err := graph.New(spec)
	require.NoError(t, err)
	var arrays []formats.Array
	for _, p := range m.Params() {
		arrays = append(arrays,
			extra("net."+strings.NewReplacer("output", "out", "coefficient", "weight").Replace(p.Name), p.Shape...))
	}
	for i, a := range arrays {
		if strings.HasPrefix(a.Name, "net.s") && strings.HasSuffix(a.Name, ".weight") && i%2 == 0 {
			arrays[i], arrays[i+1] = arrays[i+1], arrays[i]
		}
	}
	names, err := models.Match(m, arrays)
	require.NoError(t, err)
	assert.Len(t, names, len(m.Params()))
	for _, part := range []string{"s2", "s4"} {
		assert.Equal(t, part+".coefficient", names["net."+part+".weight"])
		assert.Equal(t, part+".bias", names["net."+part+".bias"])
	}
	assert.Equal(t, "output.weight", names["net.out.weight"])
}

// TestMatchLongNames: a name of a million dots is matched quickly.
func TestMatchLongNames(t *testing.T) {
	_, err := models.Match(mlp(t), []formats.Array{extra(strings.Repeat("a.", 1<<20)+"weight", 3)})
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 1000)
}

// TestTorchvisionStateDicts loads torchvision's own state dicts without a map: all parameters and
// running statistics, ignoring the rest.
func TestTorchvisionStateDicts(t *testing.T) {
	for _, n := range readModelReference(t).Networks {
		for _, prefix := range []string{"", "state_dict.module."} {
			t.Run(prefix+n.Name, func(t *testing.T) {
				classes := n.Parameters[len(n.Parameters)-1].Shape[0]
				spec, err := referenceNets[n.Name](tensor.Shape{3, 32, 32}, classes)
				require.NoError(t, err)
				m, err := graph.New(spec)
				require.NoError(t, err)
				renamed, err := models.Rename(m, stateDict(n, prefix))
				require.NoError(t, err)
				require.NoError(t, m.SetParams(renamed))
				for i, p := range n.Parameters {
					value, err := m.Param(p.Name)
					require.NoError(t, err)
					assert.Equal(t, float32(i), value.Float32s()[0], p.Name)
				}
			})
		}
	}
}

// stateDict has torchvision's names. The first element of each parameter is its number.
func stateDict(n referenceNetwork, prefix string) (arrays []formats.Array) {
	for i, p := range n.Parameters {
		a := extra(prefix+p.Name, p.Shape...)
		a.Value.Float32s()[0] = float32(i)
		arrays = append(arrays, a)
		if norm, ok := strings.CutSuffix(p.Name, ".running_var"); ok {
			arrays = append(arrays, array(prefix+norm+".num_batches_tracked", []int64{100}))
		}
		if n.Name == "googlenet" && i == 2 {
			for _, aux := range []string{"aux1.conv.conv.weight", "aux1.fc2.weight", "aux2.fc2.weight"} {
				arrays = append(arrays, extra(prefix+aux, 4, 4))
			}
			arrays = append(arrays, extra(prefix+"aux1.fc2.bias", 4), extra(prefix+"aux1.conv.bn.bias", 4))
		}
	}
	return arrays
}

func ExampleMatch() {
	m, err := graph.New(graph.Sequential("net", tensor.Shape{1, 4, 4}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}))
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := models.Match(m, []formats.Array{
		extra("module.conv1.bias", 2), extra("module.conv1.weight", 2, 1, 3, 3),
		extra("module.conv1.weight_average", 2, 1, 3, 3)})
	fmt.Println(names, err)
	// Output: map[module.conv1.bias:conv1.bias module.conv1.weight:conv1.weight] <nil>
}
