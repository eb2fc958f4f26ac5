package graph_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// floors lists this package's files from the bottom up: a file uses what its own floor or a lower
// one declares.
var floors = []struct{ what, files string }{
	{"tensors and shapes", "doc tensors shape pair init expression"},
	{"what a layer is", "parameter layer node"},
	{"the layers", `activation affine batchnorm channels convolution dropout groupnorm join lppool lrn normalize pooling
		prelu rearrange resize scale softmax`},
	{"tables over all layers", "kinds code sliding loss"},
	{"specs", "spec combine head"},
	{"from a spec to nodes", "resolve blocks"},
	{"the model", "model params"},
	{"from nodes to a symbolic graph", "passes forks lower owners differentiate recompute"},
	{"from a symbolic graph to memory", "plan program"},
	{"what runs", "step predict part"},
	{"what is computed with it", "evaluate gradient hessian lanczos pullback activationmaximization"},
	{"what describes it", "describe nonfinite profile memory summary summarytext"},
	{"files and other models", "jsonvalue specjson file fold transfer"},
}

// The one exception: a model owns its idle predictors.
const modelFile, predictorFile = "model.go", "predict.go"

// TestFilesUseLowerFloors checks every use of a function, type, constant or method.
func TestFilesUseLowerFloors(t *testing.T) {
	floor := map[string]int{}
	for i, f := range floors {
		for _, name := range strings.Fields(f.files) {
			floor[name+".go"] = i
		}
	}
	fset := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	paths = slices.DeleteFunc(paths, func(p string) bool { return strings.HasSuffix(p, "_test.go") })
	var files []*ast.File
	for _, path := range paths {
		assert.Contains(t, floor, path, "list the file in floors")
		f, err := parser.ParseFile(fset, path, nil, 0)
		require.NoError(t, err)
		files = append(files, f)
	}
	assert.Len(t, paths, len(floor), "floors lists a file that isn't there")

	uses := map[*ast.Ident]types.Object{}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := config.Check("graph", fset, files, &types.Info{Uses: uses}) // imports are missing; our own names resolve
	require.NotEmpty(t, uses)
	for ident, object := range uses {
		if object.Pkg() != pkg || isLocal(object, pkg) {
			continue
		}
		from, to := fset.Position(ident.Pos()), fset.Position(object.Pos())
		if from.Filename == modelFile && to.Filename == predictorFile {
			continue
		}
		if floor[from.Filename] < floor[to.Filename] {
			t.Errorf("%v uses %s of %s, a higher floor", from, object.Name(), to.Filename)
		}
	}
}

// isLocal says whether an object is a field or belongs to a function.
func isLocal(o types.Object, pkg *types.Package) bool {
	v, isVar := o.(*types.Var)
	return isVar && (v.IsField() || v.Parent() != pkg.Scope())
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not imported") }
