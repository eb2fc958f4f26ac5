package pretrained

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"convgraph/graph"
)

// SqueezeNetName is the name by which [Load] knows [SqueezeNet].
const SqueezeNetName = "squeezenet"

// Load returns the model that a command line names: "squeezenet" is [SqueezeNet], and any other
// name is the path of a parameter file. A file of that name is "./squeezenet".
func Load(name string, options ...graph.Option) (*graph.Model, error) {
	if name == SqueezeNetName {
		return SqueezeNet(options...)
	}
	m, err := graph.Load(name, options...)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && slices.Contains(foreign, strings.ToLower(filepath.Ext(name))) {
		return nil, fmt.Errorf("%s: got another program's file, want a parameter file of convgraph: "+
			"\"convgraph import %s -o params.safetensors\" makes one",
			name, name)
	}
	return m, err
}

// foreign are the extensions of the files that convgraph import reads, but for .safetensors.
var foreign = []string{".onnx", ".pt", ".pth", ".npz", ".pkl"}
