package dataset_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/formats/parquet"
	"convgraph/internal/testutil"
	"convgraph/train/dataset"
)

var update = flag.Bool("update", false, "rewrite the table in docs/corrupt.md")

// TestErrorTable corrupts files as in docs/corrupt.md's table, and compares the messages.
func TestErrorTable(t *testing.T) {
	testutil.CheckErrorTable(t, "data sets", *update,
		slices.Concat(corruptIDX(t), corruptFolders(t), corruptArchives(t), corruptImages(t), corruptExports(t)))
}

// corruptIDX corrupts a pair of files, named train-images-idx3-ubyte and train-labels-idx1-ubyte.
func corruptIDX(t *testing.T) []testutil.ErrorCase {
	images, labels := pair(3000, 2, 2)
	with := func(images, labels []byte) error {
		_, _, err := dataset.OpenIDX(writeFiles(t,
			map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
				"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels}))
		return err
	}
	size := func(n, height, width uint32) error {
		return with(idx(0x803, []uint32{n, height, width}, images[16:]), labels)
	}
	stray, small := bytes.Clone(labels), packed(t, images)
	stray[8+500] = 200
	corrupt := bytes.Clone(small)
	corrupt[len(corrupt)-6] ^= 1
	bomb := append(packed(t, idx(0x803, []uint32{3000, 1 << 10, 1 << 10}, nil)),
		bytes.Repeat(packed(t, make([]byte, 1<<20)), 130)...)
	larger, _ := pair(3000, 3, 2)
	_, _, absent := dataset.OpenIDX(filepath.Join(t.TempDir(), "absent"))
	_, _, file := dataset.OpenIDX(filepath.Join(writeFiles(t, map[string][]byte{"file": nil}), "file"))
	_, _, missing := dataset.OpenIDX(writeFiles(t,
		map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}))
	two := map[string][]byte{}
	for _, name := range []string{"train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"} {
		two["emnist-digits-"+name+"-ubyte"], two["emnist-letters-"+name+"-ubyte"] = images, images
	}
	_, _, several := dataset.OpenIDX(writeFiles(t, two))
	_, _, mixed := dataset.OpenIDX(writeFiles(t,
		map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
			"t10k-images-idx3-ubyte": larger, "t10k-labels-idx1-ubyte": labels}))
	_, outside := dataset.ReadIDX(dataset.Source{Name: "images", Reader: bytes.NewReader(images)},
		dataset.Source{Name: "labels", Reader: bytes.NewReader(labels)}, 7)
	return []testutil.ErrorCase{
		{What: "no such folder", Err: absent},
		{What: "a file for the folder", Err: file},
		{What: "IDX files missing", Err: missing},
		{What: "several sets", Err: several},
		{What: "empty file", Err: with(nil, labels)},
		{What: "images and labels swapped", Err: with(labels, images)},
		{What: "wrong magic number", Err: with([]byte("PK\x03\x04 and so on"), labels)},
		{What: "header cut off", Err: with(images[:10], labels)},
		{What: "data cut off", Err: with(images[:2000], labels)},
		{What: "trailing bytes", Err: with(append(bytes.Clone(images), 0), labels)},
		{What: "no images", Err: with(images, idx(0x801, []uint32{0}, nil))},
		{What: "no height", Err: size(3000, 0, 2)},
		{What: "dimensions that overflow", Err: size(3000, 1<<31, 1<<31)},
		{What: "counts differ", Err: size(2999, 2, 2)},
		{What: "label out of range (of 7 classes)", Err: outside},
		{What: "stray label", Err: with(images, stray)},
		{What: "gzip data cut off", Err: with(small[:len(small)/2], labels)},
		{What: "gzip data corrupt", Err: with(corrupt, labels)},
		{What: "gzip data without their checksum", Err: with(small[:len(small)-3], labels)},
		{What: "bytes behind the gzip data", Err: with(append(bytes.Clone(small), "and other bytes"...), labels)},
		{What: "gzip data made to exhaust memory", Err: with(bomb, labels)},
		{What: "test images of another size", Err: mixed},
	}
}

func corruptFolders(t *testing.T) []testutil.ErrorCase {
	one := pngOf(t, stripes(3, 3))
	open := func(files map[string][]byte) error {
		_, _, err := dataset.OpenFolder(tree(t, files), dataset.PictureOptions{})
		return err
	}
	gone := only(t, "a.png", one, dataset.PictureOptions{Shape: square(3)})
	require.NoError(t, os.Remove(gone.Path(0)))
	_, vanished := gone.Sample(0, make([]float32, 27))
	return []testutil.ErrorCase{
		{What: "folder without images", Err: open(map[string][]byte{"cat/notes.txt": nil})},
		{What: "`train` without `test` or `val`", Err: open(map[string][]byte{"train/cat/1.png": one})},
		{What: "a test class that training lacks",
			Err: open(map[string][]byte{"train/cat/1.png": one, "test/dog/1.png": one})},
		{What: "too few images to divide", Err: open(map[string][]byte{"cat/1.png": one, "dog/1.png": one})},
		{What: "image file removed meanwhile", Err: vanished},
	}
}

func corruptArchives(t *testing.T) []testutil.ErrorCase {
	one := string(pngOf(t, stripes(3, 3)))
	open := func(name string, data []byte) error {
		_, _, err := dataset.Open(filepath.Join(tree(t, map[string][]byte{name: data}), name), dataset.PictureOptions{})
		return err
	}
	column := func(path string, kind parquet.Type) parquet.Column { return parquet.Column{Path: path, Type: kind} }
	rows := []parquet.Values{{Bytes: [][]byte{[]byte(one)}}, {Ints: []int64{0}}}
	whole := table(t, "", []parquet.Column{column("image.bytes", parquet.ByteArray), column("label", parquet.Int64)},
		rows)
	unnamed := table(t, "", []parquet.Column{column("image.bytes", parquet.ByteArray), column("kind", parquet.Int64)},
		rows)
	corrupt := bytes.Clone(whole)
	corrupt[5] ^= 0x40
	shard := tarOf(t, "1.png", one, "1.cls", "0")
	return []testutil.ErrorCase{
		{What: "no data of a known form", Err: open("data.zip", nil)},
		{What: "tar file cut off", Err: open("data.tar", shard[:1500])},
		{What: "tar file cut off between members", Err: open("data.tar", shard[:2048])},
		{What: "tar file without labels", Err: open("data.tar", tarOf(t, "1.png", one))},
		{What: "compressed tar file", Err: open("data.tar.gz", shard)},
		{What: "Parquet file cut off", Err: open("data.parquet", whole[:len(whole)-1])},
		{What: "Parquet file without labels", Err: open("data.parquet", unnamed)},
		{What: "Parquet page corrupt", Err: open("data.parquet", corrupt)},
		{What: "list without the columns", Err: open("data.csv", []byte("name,kind\n"))},
		{What: "list with a path outside of its folder", Err: open("data.csv", []byte("path,label\n../cat.png,0\n"))},
		{What: "list with a stray label", Err: open("data.csv", []byte("path,label\ncat.png,123456789\n"))},
		{What: "JSON Lines cut off", Err: open("data.jsonl", []byte("{\"path\": \"cat.png\", \"label\": 0}\n{\"path"))},
	}
}

func corruptImages(t *testing.T) []testutil.ErrorCase {
	whole, photo := pngOf(t, stripes(30, 30)), jpegOf(t, stripes(30, 30))
	wrongSum := bytes.Clone(whole)
	wrongSum[len(wrongSum)-20] ^= 1
	sample := func(name string, data []byte) error {
		_, err := only(t, name, data, dataset.PictureOptions{Shape: square(8)}).Sample(0, make([]float32, 3*64))
		return err
	}
	hole := holes{counting(t, 10, 1, 1, 1), func(i int) bool { return i == 3 }}
	all := holes{hole.Images, func(int) bool { return true }}
	return []testutil.ErrorCase{
		{What: "empty image file", Err: sample("a.png", nil)},
		{What: "another format", Err: sample("a.jpg", []byte("PK\x03\x04"))},
		{What: "PNG cut off in its header", Err: sample("a.png", whole[:20])},
		{What: "PNG cut off in its data", Err: sample("a.png", whole[:len(whole)-30])},
		{What: "PNG with a flipped bit", Err: sample("a.png", wrongSum)},
		{What: "JPEG cut off in its header", Err: sample("a.jpg", photo[:100])},
		{What: "JPEG cut off in its data", Err: sample("a.jpg", photo[:len(photo)-60])},
		{What: "header of a huge PNG", Err: sample("a.png", hugePNG(1<<20, 1<<20))},
		{What: "header of a huge JPEG", Err: sample("a.jpg", sizedJPEG(1<<16-1))},
		{What: "corrupt image in a batch that must not have one", Err: epochError(t, hole, dataset.FailOnCorrupt)},
		{What: "nothing but corrupt images", Err: epochError(t, all, dataset.ReplaceCorrupt)},
	}
}

func epochError(t *testing.T, ds dataset.Dataset, onCorrupt dataset.OnCorrupt) error {
	loader := newLoader(t, dataset.LoaderOptions{Batch: 10, OnCorrupt: onCorrupt})
	for _, err := range loader.Epoch(ds, []int{0, 1, 2, 3, 4}) {
		return err
	}
	return nil
}

func corruptExports(t *testing.T) []testutil.ErrorCase {
	set := counting(t, 2, 1, 4, 4)
	fresh := filepath.Join(t.TempDir(), "set")
	return []testutil.ErrorCase{
		{What: "export to a folder in use",
			Err: dataset.Export(set, writeFiles(t, map[string][]byte{"thesis.txt": nil}))},
		{What: "export of two channels", Err: dataset.Export(counting(t, 2, 2, 4, 4), fresh)},
		{What: "export of a class whose name is a path", Err: dataset.Export(hostileNames{set}, fresh)},
	}
}
