// Package torch reads the tensors of PyTorch's .pt and .pth files: state dicts and checkpoints from
// torch.save, in the zip form (PyTorch 1.6 and later) and in the older form.
//
// Such a file is a pickle, which can name any class and call it. This reader knows tensors,
// parameters, storages, and Python's plain containers, and never calls another class. An object of
// another class is an array with an Err; a file without anything else (a whole module, for example)
// is refused with the class's name.
package torch

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"convgraph/formats"
)

// ReadFile reads a file. See Read.
func ReadFile(path string) ([]formats.Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	arrays, err := Read(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return arrays, nil
}

// Decode reads the bytes of a whole file. See Read.
func Decode(data []byte) ([]formats.Array, error) {
	return Read(bytes.NewReader(data), int64(len(data)))
}

// Read reads a file of size bytes and returns its tensors in order, row-major for any strides, each
// in memory of its own even if they share a storage. Nested containers give names joined by dots
// ("model.conv1.weight"), items of a list their index; numbers become scalars; text and None are
// omitted. float16 and bfloat16 become float32, integers and bool int64; complex, quantized, sparse
// and empty tensors have an Err.
func Read(r io.ReaderAt, size int64) ([]formats.Array, error) {
	arrays, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	return arrays, nil
}

func read(r io.ReaderAt, size int64) ([]formats.Array, error) {
	head := make([]byte, min(size, 300))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK")):
		return readZip(r, size)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return nil, fmt.Errorf("a tar file, the form of PyTorch before 0.1.10, is not supported: " +
			"load it with that version and save it with a newer one")
	}
	data, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	return readLegacy(data)
}
