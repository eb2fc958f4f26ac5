package torch

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"convgraph/formats"
	"convgraph/formats/internal/archive"
	"convgraph/formats/internal/unpickle"
)

// In the zip form, everything is in one folder with any name.
//
//	FOLDER/data.pkl      the pickle
//	FOLDER/data/KEY      a storage's bytes
//	FOLDER/byteorder     little or big; absent from older files: little
//	FOLDER/constants.pkl only in TorchScript

type zipFile struct {
	entries map[string]archive.Entry
	folder  string // "FOLDER/" or ""
}

func readZip(r io.ReaderAt, size int64) ([]formats.Array, error) {
	z, total, err := openZip(r, size)
	if err != nil {
		return nil, err
	}
	order, err := z.byteOrder()
	if err != nil {
		return nil, err
	}
	pickled, err := z.entries[z.folder+"data.pkl"].Read()
	if err != nil {
		return nil, err
	}
	stores := &storages{order: order, byKey: map[string]*storage{}, load: z.storage}
	value, length, err := unpickle.Load(pickled, classes(), stores.resolve)
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	if length != len(pickled) {
		return nil, fmt.Errorf("data.pkl: ends at byte %d of %d", length, len(pickled))
	}
	return unpickle.Flatten(value, total)
}

// openZip also returns the unpacked size of the archive.
func openZip(r io.ReaderAt, size int64) (z *zipFile, total int, err error) {
	list, err := archive.Open(r, size)
	if err != nil {
		return nil, 0, err
	}
	z = &zipFile{entries: make(map[string]archive.Entry, len(list))}
	pickles := 0
	for _, entry := range list {
		total += entry.Size
		z.entries[entry.Name] = entry
		folder, found := strings.CutSuffix(entry.Name, "data.pkl")
		if found && (folder == "" || strings.Count(folder, "/") == 1 && strings.HasSuffix(folder, "/")) {
			z.folder = folder
			pickles++
		}
	}
	if pickles != 1 {
		return nil, 0, fmt.Errorf(
			"got %d, want one FOLDER/data.pkl in the zip file: not written by torch.save", pickles,
		)
	}
	if _, script := z.entries[z.folder+"constants.pkl"]; script {
		return nil, 0, fmt.Errorf("a TorchScript file is not supported: save the state dict with torch.save")
	}
	return z, total, nil
}

func (z *zipFile) byteOrder() (binary.ByteOrder, error) {
	entry, ok := z.entries[z.folder+"byteorder"]
	if !ok {
		return binary.LittleEndian, nil
	}
	text, err := entry.Read()
	if err != nil {
		return nil, err
	}
	switch string(text) {
	case "little":
		return binary.LittleEndian, nil
	case "big":
		return binary.BigEndian, nil
	}
	return nil, fmt.Errorf("byteorder: got %.20q, want little or big", text)
}

func (z *zipFile) storage(key string, bytes int) ([]byte, error) {
	name := z.folder + "data/" + key
	entry, ok := z.entries[name]
	if !ok {
		return nil, fmt.Errorf("storage %q: the zip file has no %q", key, name)
	}
	if entry.Size != bytes {
		return nil, fmt.Errorf("storage %q: got %d bytes, want %d", key, entry.Size, bytes)
	}
	return entry.Read()
}
