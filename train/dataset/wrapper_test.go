package dataset

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
)

// wrappers makes each Dataset of this package that wraps another, by the name of its type. None
// leaves out a sample of the ten that it gets.
var wrappers = map[string]func(t *testing.T, ds Dataset) Dataset{
	"head":   func(_ *testing.T, ds Dataset) Dataset { return head{Dataset: ds, n: ds.Len()} },
	"subset": func(_ *testing.T, ds Dataset) Dataset { return Mixed(ds, 1) },
	"transformed": func(t *testing.T, ds Dataset) Dataset {
		changed, err := Transformed(ds, 1, Mirror{})
		require.NoError(t, err)
		return changed
	},
	"Augmented": func(t *testing.T, ds Dataset) Dataset {
		changing, err := Augment(ds, 1, []Transform{Mirror{}}, nil)
		require.NoError(t, err)
		return changing
	},
}

// roots hold their samples themselves.
var roots = []string{"Images", "Pictures"}

// TestEveryWrapperIsTested finds the types in the package's files that have a method Sample or
// embed a Dataset.
func TestEveryWrapperIsTested(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var found []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		found = append(found, datasetsOf(file)...)
	}
	slices.Sort(found)
	known := slices.Clone(roots)
	for name := range wrappers {
		known = append(known, name)
	}
	assert.ElementsMatch(t, slices.Compact(found), known)
}

func datasetsOf(file *ast.File) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv != nil && n.Name.Name == "Sample" {
				names = append(names, typeName(n.Recv.List[0].Type))
			}
		case *ast.TypeSpec:
			if s, ok := n.Type.(*ast.StructType); ok && embedsDataset(s) {
				names = append(names, n.Name.Name)
			}
		}
		return true
	})
	return names
}

func typeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	return e.(*ast.Ident).Name
}

func embedsDataset(s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		id, ok := f.Type.(*ast.Ident)
		return ok && len(f.Names) == 0 && id.Name == "Dataset"
	})
}

func digestOf(t *testing.T, ds Dataset) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Digest(ds, &b))
	return b.String()
}

// TestWrappersKeepTheDigest changes each pixel of a set behind every wrapper, and behind every
// two of them.
func TestWrappersKeepTheDigest(t *testing.T) {
	const n, size = 1000, 4 // more samples than a digest that doesn't see the memory would read
	pixels, labels := make([]uint8, n*size), make([]uint8, n)
	set, err := NewImages(tensor.Shape{1, 2, 2}, pixels, labels, 2)
	require.NoError(t, err)
	for name, wrap := range wrappers {
		for within, wrapInner := range wrappers {
			ds := wrap(t, wrapInner(t, set))
			require.Equal(t, name, strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", ds), "*"), "dataset."))
			before := digestOf(t, ds)
			for i := 0; i < len(pixels); i += 97 {
				pixels[i] ^= 1
				require.NotEqual(t, before, digestOf(t, ds), "%s of %s, pixel %d", name, within, i)
				pixels[i] ^= 1
			}
			labels[n-1] ^= 1
			require.NotEqual(t, before, digestOf(t, ds), "%s of %s, label", name, within)
			labels[n-1] ^= 1
			require.Equal(t, before, digestOf(t, ds))
		}
	}
}
