package models

import (
	"fmt"
	"strings"

	"convgraph/graph"
)

// builtIn are the networks that go by a name.
var builtIn = []struct {
	name string
	spec func() (*graph.Spec, error)
}{
	{"simpleconvnet", func() (*graph.Spec, error) { return DefaultSimpleConvNet().Spec(), nil }},
	{"lenet", LeNet{}.Spec},
	{"lenet-tanh", LeNet{Activation: "tanh"}.Spec},
	{"lenet-modern", LeNet{Modern: true}.Spec},
	{"lenet-wide", LeNet{Wide: true}.Spec},
	{"alexnet", func() (*graph.Spec, error) { return AlexNet{}.Spec(), nil }},
	{"resnet18", ResNet{Depth: 18}.Spec},
	{"resnet34", ResNet{Depth: 34}.Spec},
	{"resnet50", ResNet{Depth: 50}.Spec},
	{"resnet20", func() (*graph.Spec, error) { return CIFARResNet{}.Spec(), nil }},
	{"googlenet", func() (*graph.Spec, error) { return GoogLeNet{}.Spec(), nil }},
	{"squeezenet1_1", func() (*graph.Spec, error) { return SqueezeNet{}.Spec(), nil }},
	{"mobilenet_v2", func() (*graph.Spec, error) { return MobileNetV2{}.Spec(), nil }},
}

// Names are the built-in networks.
func Names() []string {
	var names []string
	for _, b := range builtIn {
		names = append(names, b.name)
	}
	return names
}

// ByName is the spec of a built-in network with its default arguments.
func ByName(name string) (*graph.Spec, error) {
	for _, b := range builtIn {
		if b.name == name {
			return b.spec()
		}
	}
	return nil, fmt.Errorf("model %q is unknown: want one of %s", name, strings.Join(Names(), ", "))
}

// Find is the spec of a built-in network, or the one in a JSON file (see [graph.LoadSpec]): the name of a file ends in .json or has a path
// separator.
func Find(nameOrPath string) (*graph.Spec, error) {
	if !strings.HasSuffix(nameOrPath, ".json") && !strings.ContainsAny(nameOrPath, `/\`) {
		return ByName(nameOrPath)
	}
	return graph.LoadSpec(nameOrPath)
}
