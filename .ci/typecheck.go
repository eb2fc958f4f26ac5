// Command typecheck type-checks the module's packages and their tests for other platforms, from
// source. It needs no compiled packages, so it takes seconds where cross-compiling everything that
// is imported takes minutes.
//
//	go run .ci/typecheck.go linux/arm64 windows/amd64
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
	ImportMap       map[string]string // import paths in the source, where they differ from the package's
	Module          *struct {
		Main      bool
		GoVersion string
	}
	Error *struct{ Err string }
}

func main() {
	failed := false
	for _, platform := range os.Args[1:] {
		system, processor, _ := strings.Cut(platform, "/")
		n, err := check(system, processor)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", platform, err)
			failed = true
			continue
		}
		fmt.Printf("%s: %d packages of this module\n", platform, n)
	}
	if failed {
		os.Exit(1)
	}
}

// check returns how many packages of the main module it checked, variants with tests counted apart.
func check(system, processor string) (checked int, err error) {
	packages, err := list(system, processor)
	if err != nil {
		return 0, err
	}
	c := &checker{files: token.NewFileSet(), sizes: types.SizesFor("gc", processor), done: map[string]*types.Package{}, failed: map[string]bool{}}
	var problems []error
	for _, p := range packages { // each one after its imports
		if strings.HasSuffix(p.ImportPath, ".test") {
			continue // the main function that go test makes
		}
		if slices.ContainsFunc(p.Imports, func(path string) bool { return c.failed[path] }) {
			c.failed[p.ImportPath] = true // for the same reason
			continue
		}
		found := c.check(p)
		c.failed[p.ImportPath] = len(found) > 0
		for _, problem := range found {
			// A package's variant with its tests has the same files again.
			if !slices.ContainsFunc(problems, func(err error) bool { return err.Error() == problem.Error() }) {
				problems = append(problems, problem)
			}
		}
		if p.ours() {
			checked++
		}
	}
	if checked == 0 {
		problems = append(problems, errors.New("found no package of this module"))
	}
	return checked, errors.Join(problems...)
}

func list(system, processor string) (packages []*listed, err error) {
	cmd := exec.Command("go", "list", "-deps", "-test", "-e", "-json=ImportPath,Dir,GoFiles,Imports,ImportMap,Module,Error", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := new(listed)
		if err := decoder.Decode(p); err == io.EOF {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Error != nil {
			return nil, errors.New(p.Error.Err)
		}
		packages = append(packages, p)
	}
}

func (p *listed) ours() bool { return p.Module != nil && p.Module.Main }

type checker struct {
	files *token.FileSet
	sizes types.Sizes
	done  map[string]*types.Package

	failed map[string]bool // packages with errors, or that import one with errors
}

// check type-checks a package. Function bodies of other modules and of the standard library are
// left out, and so are their errors: a package there may need assembly or a compiler's help.
func (c *checker) check(p *listed) (problems []error) {
	if p.ImportPath == "unsafe" {
		c.done["unsafe"] = types.Unsafe
		return nil
	}
	var sources []*ast.File
	for _, name := range p.GoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		file, err := parser.ParseFile(c.files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return []error{err}
		}
		sources = append(sources, file)
	}
	config := types.Config{
		Importer:         importer{c, p.ImportMap},
		Sizes:            c.sizes,
		IgnoreFuncBodies: !p.ours(),
		FakeImportC:      true,
		Error:            func(err error) { problems = append(problems, err) },
	}
	if p.Module != nil && p.Module.GoVersion != "" {
		config.GoVersion = "go" + p.Module.GoVersion
	}
	path, _, _ := strings.Cut(p.ImportPath, " ") // p [p.test] is p with its tests
	c.done[p.ImportPath], _ = config.Check(path, c.files, sources, nil)
	if !p.ours() {
		return nil
	}
	return problems
}

// importer finds the packages that one package imports.
type importer struct {
	*checker
	renamed map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if renamed, ok := i.renamed[path]; ok {
		path = renamed
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("package %s isn't listed before the package that imports it", path)
}
