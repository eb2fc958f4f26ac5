package dataset

import (
	"archive/tar"
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"convgraph/formats/parquet"
)

// Form is a form of storage for pictures.
type Form string

// The forms that [Open] reads and [ExportAs] writes.
const (
	ClassFolders Form = "folder"
	ParquetFiles Form = "parquet"
	TarFiles     Form = "tar"
	PathList     Form = "csv"
)

// forms are functions that write a part of a set, train or test, to a folder.
var forms = map[Form]func(ds Dataset, dir, part string) error{
	ClassFolders: func(ds Dataset, dir, part string) error { return writeClasses(ds, filepath.Join(dir, part)) },
	ParquetFiles: writeTables,
	TarFiles:     writeTars,
	PathList:     writeList,
}

// Forms joins the names of the forms, for messages.
func Forms() string {
	var names []string
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		names = append(names, string(form))
	}
	return strings.Join(names, ", ")
}

const (
	// Pictures in a tar file and in a Parquet file, and the limits of its row groups.
	tarPictures    = 10_000
	filePictures   = 100_000
	groupPictures  = 1000
	groupFullBytes = 32 << 20
)

// byClass returns a set's indices in the order of class and index, without corrupt pictures.
func byClass(ds Dataset) ([]int, error) {
	if err := checkExportable(ds); err != nil {
		return nil, err
	}
	classes, err := indicesByClass(ds)
	return slices.Concat(classes...), err
}

// create writes a file through a buffer.
func create(path string, write func(w io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(file, 1<<18)
	return cmp.Or(write(buffered), buffered.Flush(), file.Close())
}

// shards divides indices into files of n pictures; the last one has the rest.
func shards(indices []int, most int) [][]int {
	return slices.Collect(slices.Chunk(indices, most))
}

// writeTars writes PART-000000.tar and so on, and the classes' names.
func writeTars(ds Dataset, dir, part string) error {
	indices, err := byClass(ds)
	if err != nil {
		return err
	}
	names := strings.Join(ClassNames(ds), "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, classNamesFile), []byte(names), 0o644); err != nil {
		return err
	}
	encoder := newImageEncoder(ds)
	for k, shard := range shards(indices, tarPictures) {
		err := create(filepath.Join(dir, fmt.Sprintf("%s-%06d.tar", part, k)), func(w io.Writer) error {
			return writeTar(w, encoder, shard)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTar writes NUMBER.png and NUMBER.cls of each picture.
func writeTar(w io.Writer, encoder *imageEncoder, indices []int) error {
	archive := tar.NewWriter(w)
	add := func(name string, data []byte) error {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0),
			Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err := archive.Write(data)
		return err
	}
	for _, i := range indices {
		s, err := encoder.encode(i)
		if err != nil {
			return err
		}
		if err := errors.Join(add(s.number+s.extension, s.data),
			add(s.number+".cls", []byte(strconv.Itoa(s.label)))); err != nil {
			return err
		}
	}
	return archive.Close()
}

// writeTables writes PART-00000-of-00001.parquet and so on.
func writeTables(ds Dataset, dir, part string) error {
	indices, err := byClass(ds)
	if err != nil {
		return err
	}
	metadata, err := json.Marshal(map[string]any{"info": map[string]any{"features": map[string]any{
		"image": map[string]any{"_type": "Image"},
		"label": map[string]any{"_type": "ClassLabel", "names": ClassNames(ds)},
	}}})
	if err != nil {
		return err
	}
	encoder := newImageEncoder(ds)
	files := shards(indices, filePictures)
	for k, shard := range files {
		err := create(filepath.Join(dir, fmt.Sprintf("%s-%05d-of-%05d.parquet", part, k, len(files))),
			func(w io.Writer) error {
				return writeTable(w, encoder, shard, string(metadata))
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func writeTable(w io.Writer, encoder *imageEncoder, indices []int, metadata string) error {
	columns := []parquet.Column{
		{Path: "image.bytes", Type: parquet.ByteArray},
		{Path: "image.path", Type: parquet.ByteArray, Text: true},
		{Path: "label", Type: parquet.Int64},
	}
	file, err := parquet.NewWriter(w, columns, map[string]string{"huggingface": metadata})
	if err != nil {
		return err
	}
	group, bytes := make([]parquet.Values, len(columns)), 0
	for k, i := range indices {
		s, err := encoder.encode(i)
		if err != nil {
			return err
		}
		group[0].Bytes = append(group[0].Bytes, slices.Clone(s.data))
		group[1].Bytes = append(group[1].Bytes, []byte(s.number+s.extension))
		group[2].Ints = append(group[2].Ints, int64(s.label))
		bytes += len(s.data)
		if bytes < groupFullBytes && len(group[2].Ints) < groupPictures && k < len(indices)-1 {
			continue
		}
		if err := file.WriteGroup(group); err != nil {
			return err
		}
		group, bytes = make([]parquet.Values, len(columns)), 0
	}
	return file.Close()
}

// listName is the list in an exported folder.
const listName = "images.csv"

// writeList writes class folders, and appends their pictures to the list.
func writeList(ds Dataset, dir, part string) error {
	if err := writeClasses(ds, filepath.Join(dir, part)); err != nil {
		return err
	}
	set, err := listClasses(filepath.Join(dir, part))
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, listName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	return cmp.Or(writeRows(buffered, set, part), buffered.Flush(), file.Close())
}

func writeRows(w io.Writer, set *listing, part string) error {
	rows := csv.NewWriter(w)
	if part == "train" {
		if err := rows.Write([]string{"path", "label", "split"}); err != nil {
			return err
		}
	}
	for _, f := range set.files {
		class := set.classes[f.label]
		if err := rows.Write([]string{path.Join(part, class, f.name), class, part}); err != nil {
			return err
		}
	}
	rows.Flush()
	return rows.Error()
}
