package static

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programPackage is the program that answers the page's requests in a browser.
const programPackage = "convgraph/web/inspect/internal/wasm"

// compile builds the program, and reads the script from the same toolchain that a browser needs to
// run it.
func compile(ctx context.Context) (program, support []byte, err error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, nil, fmt.Errorf("the network is compiled for browsers: want Go's toolchain in PATH: %w", err)
	}
	folder, err := os.MkdirTemp("", "convgraph-wasm-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	output := filepath.Join(folder, "convgraph.wasm")
	if _, err := goTool(ctx, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output,
		programPackage); err != nil {
		return nil, nil,
			fmt.Errorf("%w\nwant a working directory in convgraph's source, or in a module that requires it", err)
	}
	if program, err = os.ReadFile(output); err != nil {
		return nil, nil, err
	}
	root, err := goTool(ctx, "env", "GOROOT")
	if err != nil {
		return nil, nil, err
	}
	support, err = os.ReadFile(filepath.Join(strings.TrimSpace(root), "lib", "wasm", "wasm_exec.js"))
	return program, support, err
}

// goTool runs a go command for browsers and returns its output.
func goTool(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(complaints.String()))
	}
	return string(out), nil
}
