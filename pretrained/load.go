package pretrained

import "convgraph/graph"

// SqueezeNetName is the name by which [Load] knows [SqueezeNet].
const SqueezeNetName = "squeezenet"

// Load returns the model that a command line names: "squeezenet" is [SqueezeNet], and any other
// name is the path of a parameter file. A file of that name is "./squeezenet".
func Load(name string, options ...graph.Option) (*graph.Model, error) {
	if name == SqueezeNetName {
		return SqueezeNet(options...)
	}
	return graph.Load(name, options...)
}
