// Package static writes the inspect page as files for any web host: the network runs in the
// reader's browser, as WebAssembly.
package static

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"convgraph/internal/file"
	"convgraph/web/inspect"
	"convgraph/web/ui"
)

//go:embed assets
var assets embed.FS

const indexFile = "index.html"

// Write compiles the network for browsers and writes the page of the snapshots into a folder,
// index.html last. Other files in the folder stay. samples is as for [inspect.New]. It returns how
// many bytes it wrote.
//
// It needs Go's toolchain, and a working directory in which this module's packages can be built.
func Write(ctx context.Context, folder string, snapshots []inspect.Snapshot, samples []byte) (size int, err error) {
	page, err := inspect.New(snapshots, samples)
	if err != nil {
		return 0, err
	}
	files := folderFiles{}
	for _, add := range []func() error{
		func() error { return files.addPage() },
		func() error { return files.addNetwork(snapshots, page.Samples()) },
		func() error { return files.addProgram(ctx) },
	} {
		if err := add(); err != nil {
			return 0, err
		}
	}
	for _, content := range files {
		size += len(content)
	}
	return size, files.write(folder)
}

// folderFiles are the contents of files by their slash-separated names.
type folderFiles map[string][]byte

// addPage adds what a server has under / and /ui/, except that answers come from a worker.
func (f folderFiles) addPage() error {
	if err := f.addAll("inspect", inspect.Files()); err != nil {
		return err
	}
	if err := f.addAll("ui", ui.Shared()); err != nil {
		return err
	}
	index := f[path.Join("inspect", indexFile)]
	delete(f, path.Join("inspect", indexFile))
	var err error
	if f[indexFile], err = withPolicy(index); err != nil {
		return err
	}
	for name, source := range map[string]string{"inspect/ask.js": "ask.js", "network/worker.js": "worker.js"} {
		if f[name], err = assets.ReadFile(path.Join("assets", source)); err != nil {
			return err
		}
	}
	return nil
}

func (f folderFiles) addAll(folder string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f[path.Join(folder, name)], err = fs.ReadFile(files, name)
		return err
	})
}

// withPolicy declares in the page what a server declares in a header: everything comes from the
// page's own host, and WebAssembly may run.
func withPolicy(index []byte) ([]byte, error) {
	const before, policy = "<meta charset=\"utf-8\">\n",
		`  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; ` +
			`script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; font-src 'self'; ` +
			`connect-src 'self'; ` +
			`img-src 'self' blob: data:; base-uri 'none'; form-action 'none'">` + "\n"
	if bytes.Count(index, []byte(before)) != 1 {
		return nil, fmt.Errorf("%s: got no line %q, want one", indexFile, strings.TrimSpace(before))
	}
	return bytes.Replace(index, []byte(before), []byte(before+policy), 1), nil
}

// A networkFile says which files the worker loads.
type networkFile struct {
	Snapshots []snapshotFile `json:"snapshots"`
	Samples   *string        `json:"samples"` // null without sample pictures
}

type snapshotFile struct {
	Label string `json:"label"`
	File  string `json:"file"`
}

func (f folderFiles) addNetwork(snapshots []inspect.Snapshot, samples []byte) error {
	var n networkFile
	for i, s := range snapshots {
		name := fmt.Sprintf("%02d.safetensors.gz", i)
		packed, err := compressed(s.Model.Write)
		if err != nil {
			return fmt.Errorf("snapshot %q: %w", s.Label, err)
		}
		f[path.Join("network", name)] = packed
		n.Snapshots = append(n.Snapshots, snapshotFile{s.Label, name})
	}
	if samples != nil {
		name := "samples.png"
		n.Samples, f[path.Join("network", name)] = &name, samples
	}
	var err error
	f["network/network.json"], err = json.Marshal(n)
	return err
}

func (f folderFiles) addProgram(ctx context.Context) error {
	program, support, err := compile(ctx)
	if err != nil {
		return err
	}
	f["network/wasm_exec.js"] = support
	f["network/convgraph.wasm.gz"], err = compressed(func(w io.Writer) error {
		_, err := w.Write(program)
		return err
	})
	return err
}

func compressed(write func(io.Writer) error) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := write(z); err != nil {
		return nil, err
	}
	err = z.Close()
	return packed.Bytes(), err
}

// write writes each file whole or not at all. The page comes last: it finds all that it loads.
func (f folderFiles) write(folder string) error {
	for name := range f {
		if name == indexFile {
			continue
		}
		if err := f.writeFile(folder, name); err != nil {
			return err
		}
	}
	return f.writeFile(folder, indexFile)
}

func (f folderFiles) writeFile(folder, name string) error {
	to := filepath.Join(folder, filepath.FromSlash(name))
	if err := file.MkdirAll(filepath.Dir(to)); err != nil {
		return err
	}
	return file.Write(to, func(w io.Writer) error {
		_, err := w.Write(f[name])
		return err
	})
}
