// Package archive opens the zip files that contain arrays (.npz, .pt) and bounds the memory that a
// hostile one can take by its size.
package archive

import (
	"archive/zip"
	"fmt"
	"io"
)

const (
	// maxRatio is DEFLATE's own limit: 258 bytes from 2 bits and a little.
	maxRatio = 1032
	// An archive may unpack to freeBytes plus fairRatio times its size. Real parameters hardly
	// compress; freeBytes is for small files of zeros.
	freeBytes = 64 << 20
	fairRatio = 64
)

// Entry is one file of an archive.
type Entry struct {
	Name string
	Size int // unpacked bytes
	file *zip.File
}

// Open lists an archive's files in their order. It refuses, by name: a duplicate name, an encrypted
// file, a compression other than none and DEFLATE, sizes that the archive's own size can't contain,
// and files that share their bytes (so that unpacked sizes exceed the content).
func Open(r io.ReaderAt, size int64) ([]Entry, error) {
	reader, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("not a readable zip file of %d bytes: %w", size, err)
	}
	limit := uint64(freeBytes) + fairRatio*uint64(size)
	var packed, unpacked uint64
	seen := make(map[string]bool, len(reader.File))
	entries := make([]Entry, 0, len(reader.File))
	for _, file := range reader.File {
		if seen[file.Name] {
			return nil, fmt.Errorf("zip file: %q occurs twice", file.Name)
		}
		seen[file.Name] = true
		if err := checkEntry(file, uint64(size)); err != nil {
			return nil, fmt.Errorf("zip entry %q: %w", file.Name, err)
		}
		packed += file.CompressedSize64
		unpacked += file.UncompressedSize64
		if packed > uint64(size) || unpacked > limit {
			return nil, fmt.Errorf(
				"zip entry %q: got %d bytes so far, unpacked from %d, want at most %d in a file of %d bytes: "+
					"refused as a zip bomb", file.Name, unpacked, packed, limit, size)
		}
		entries = append(entries, Entry{Name: file.Name, Size: int(file.UncompressedSize64), file: file})
	}
	return entries, nil
}

func checkEntry(file *zip.File, size uint64) error {
	const encrypted = 1
	switch {
	case file.Flags&encrypted != 0:
		return fmt.Errorf("is encrypted")
	case file.Method != zip.Store && file.Method != zip.Deflate:
		return fmt.Errorf("compression method: got %d, want 0 (stored) or 8 (deflate)", file.Method)
	case file.CompressedSize64 > size:
		return fmt.Errorf("packed size: got %d, want at most %d, the file's size", file.CompressedSize64, size)
	case file.Method == zip.Store && file.CompressedSize64 != file.UncompressedSize64:
		return fmt.Errorf(
			"stored entry: got %d bytes packed and %d unpacked, want the same", file.CompressedSize64,
			file.UncompressedSize64,
		)
	case file.UncompressedSize64 > maxRatio*(file.CompressedSize64+1):
		return fmt.Errorf(
			"unpacked size: got %d from %d packed bytes, more than DEFLATE can compress", file.UncompressedSize64,
			file.CompressedSize64,
		)
	}
	return nil
}

// Read unpacks the entry. The zip reader checks its checksum and size.
func (e Entry) Read() ([]byte, error) {
	reader, err := e.file.Open()
	if err != nil {
		return nil, fmt.Errorf("zip entry %q: %w", e.Name, err)
	}
	defer reader.Close()
	data := make([]byte, e.Size)
	if _, err := io.ReadFull(reader, data); err != nil {
		return nil, fmt.Errorf("zip entry %q: want %d bytes: %w", e.Name, e.Size, err)
	}
	// One more read: the checksum is compared at the end of the file.
	switch n, err := reader.Read(make([]byte, 1)); {
	case n != 0:
		return nil, fmt.Errorf("zip entry %q: got more, want the end after %d bytes", e.Name, e.Size)
	case err != io.EOF:
		return nil, fmt.Errorf("zip entry %q: after its %d bytes: %w", e.Name, e.Size, err)
	}
	return data, nil
}
