package models

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// Options are arguments of a built-in network. A zero field means the network's default; [Build]
// refuses a field that the network doesn't take.
type Options struct {
	Classes int       // number of outputs
	Size    int       // height and width of the images
	Width   float64   // fraction of the filters and units
	Mean    []float64 // mean color of the training set, from 0 to 1, subtracted by the network
}

// builtIn lists the named networks, each with the options it takes.
var builtIn = []struct {
	name  string
	takes string // "classes size width mean"
	spec  func(Options) (*graph.Spec, error)
}{
	{"simpleconvnet", "classes", func(o Options) (*graph.Spec, error) {
		net := DefaultSimpleConvNet()
		net.OutputSize = orElse(o.Classes, net.OutputSize)
		return net.Spec(), nil
	}},
	{"lenet", "", func(Options) (*graph.Spec, error) { return LeNet{}.Spec() }},
	{"lenet-tanh", "", func(Options) (*graph.Spec, error) { return LeNet{Activation: "tanh"}.Spec() }},
	{"lenet-modern", "", func(Options) (*graph.Spec, error) { return LeNet{Modern: true}.Spec() }},
	{"lenet-wide", "", func(Options) (*graph.Spec, error) { return LeNet{Wide: true}.Spec() }},
	{"alexnet", "classes size width mean", func(o Options) (*graph.Spec, error) {
		return AlexNet{Size: o.Size, Width: o.Width, Classes: o.Classes, Mean: o.Mean}.Spec(), nil
	}},
	{"resnet20", "classes size", func(o Options) (*graph.Spec, error) {
		net := CIFARResNet{Classes: o.Classes}
		if o.Size != 0 {
			net.Input = tensor.Shape{3, o.Size, o.Size}
		}
		return net.Spec(), nil
	}},
	{"resnet18", "classes size", func(o Options) (*graph.Spec, error) { return ResNet{18, o.Classes, o.Size}.Spec() }},
	{"resnet34", "classes size", func(o Options) (*graph.Spec, error) { return ResNet{34, o.Classes, o.Size}.Spec() }},
	{"resnet50", "classes size", func(o Options) (*graph.Spec, error) { return ResNet{50, o.Classes, o.Size}.Spec() }},
	{"googlenet", "classes size", func(o Options) (*graph.Spec, error) {
		return GoogLeNet{o.Classes, o.Size}.Spec(), nil
	}},
	{"squeezenet1_0", "classes size", func(o Options) (*graph.Spec, error) {
		return SqueezeNet{Classes: o.Classes, Size: o.Size, Paper: true}.Spec(), nil
	}},
	{"squeezenet1_1", "classes size", func(o Options) (*graph.Spec, error) {
		return SqueezeNet{Classes: o.Classes, Size: o.Size}.Spec(), nil
	}},
	{"mobilenet_v2", "classes size", func(o Options) (*graph.Spec, error) {
		return MobileNetV2{o.Classes, o.Size}.Spec(), nil
	}},
	{"efficientnet_lite0", "classes size", func(o Options) (*graph.Spec, error) {
		return EfficientNetLite0{o.Classes, o.Size}.Spec(), nil
	}},
}

// Names returns the names of the built-in networks.
func Names() []string {
	var names []string
	for _, b := range builtIn {
		names = append(names, b.name)
	}
	return names
}

// ByName returns the spec of a built-in network with default options.
func ByName(name string) (*graph.Spec, error) { return Build(name, Options{}) }

// Takes reports whether a built-in network takes an option: "classes", "size", "width" or "mean".
func Takes(name, option string) bool {
	for _, b := range builtIn {
		if b.name == name {
			return strings.Contains(b.takes, option)
		}
	}
	return false
}

// Build returns the spec of a built-in network with the given options.
func Build(name string, o Options) (*graph.Spec, error) {
	for _, b := range builtIn {
		if b.name != name {
			continue
		}
		for option, given := range map[string]bool{
			"classes": o.Classes != 0, "size": o.Size != 0, "width": o.Width != 0, "mean": o.Mean != nil,
		} {
			if given && !strings.Contains(b.takes, option) {
				return nil, fmt.Errorf("model %q has a fixed %s: want none given", name, option)
			}
		}
		return b.spec(o)
	}
	return nil, fmt.Errorf("model %q is unknown: want one of %s", name, strings.Join(Names(), ", "))
}

// IsFile reports whether a model's name is the path of a JSON file: it ends in .json or has a path
// separator.
func IsFile(nameOrPath string) bool {
	return strings.HasSuffix(nameOrPath, ".json") || strings.ContainsAny(nameOrPath, `/\`)
}

// Find returns the spec of a built-in network, or of a JSON file (see [graph.LoadSpec] and
// [IsFile]).
func Find(nameOrPath string) (*graph.Spec, error) {
	if IsFile(nameOrPath) {
		return graph.LoadSpec(nameOrPath)
	}
	return ByName(nameOrPath)
}
