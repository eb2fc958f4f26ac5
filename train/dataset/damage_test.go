package dataset_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/train/dataset"
)

var update = flag.Bool("update", false, "rewrite the table of damage in README.md")

const tableStart, tableEnd = "<!-- damage: written by go test -run TestDamageTable -update -->\n", "<!-- end of damage -->"

// TestDamageTable does the damage of README.md's table and compares each message with the one that stands there.
func TestDamageTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| damage | message |\n|---|---|\n")
	for _, damages := range [][]damage{idxDamages(t), folderDamages(t), imageDamages(t), exportDamages(t)} {
		for _, d := range damages {
			require.Error(t, d.err, d.what)
			require.NotContains(t, d.err.Error(), "\n", "%s: a message is one line", d.what)
			fmt.Fprintf(&table, "| %s | `%s` |\n", d.what, neutral(d.err.Error()))
		}
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(readme), "\r\n", "\n")
	before, rest, found := strings.Cut(text, tableStart)
	require.True(t, found, "README.md has no line %q", tableStart)
	old, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found, "README.md has no line %q", tableEnd)
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(before+tableStart+table.String()+tableEnd+after), 0o644))
		return
	}
	assert.Equal(t, old, table.String())
}

// damage is one kind of it, and the error it gave.
type damage struct {
	what string
	err  error
}

var temporary = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `[/\\]Test[^/\\ ]*[/\\]\d+`)

// neutral is a message with DIR for the temporary folder and slashes for the system's separators.
func neutral(message string) string {
	return strings.ReplaceAll(filepath.ToSlash(temporary.ReplaceAllString(message, "DIR")), "|", `\|`)
}

// idxDamages does each damage to a pair of files as train-images-idx3-ubyte and train-labels-idx1-ubyte.
func idxDamages(t *testing.T) []damage {
	images, labels := pair(3000, 2, 2)
	with := func(images, labels []byte) error {
		_, _, err := dataset.OpenIDX(writeFiles(t, map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
			"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels}))
		return err
	}
	size := func(n, height, width uint32) error {
		return with(idx(0x803, []uint32{n, height, width}, images[16:]), labels)
	}
	stray, small := bytes.Clone(labels), packed(t, images)
	stray[8+500] = 200
	damaged := bytes.Clone(small)
	damaged[len(damaged)-6] ^= 1
	bomb := append(packed(t, idx(0x803, []uint32{3000, 1 << 10, 1 << 10}, nil)), bytes.Repeat(packed(t, make([]byte, 1<<20)), 130)...)
	larger, _ := pair(3000, 3, 2)
	_, _, absent := dataset.OpenIDX(filepath.Join(t.TempDir(), "absent"))
	_, _, file := dataset.OpenIDX(filepath.Join(writeFiles(t, map[string][]byte{"file": nil}), "file"))
	_, _, missing := dataset.OpenIDX(writeFiles(t, map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}))
	_, _, mixed := dataset.OpenIDX(writeFiles(t, map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
		"t10k-images-idx3-ubyte": larger, "t10k-labels-idx1-ubyte": labels}))
	_, outside := dataset.ReadIDX(dataset.Source{Name: "images", Reader: bytes.NewReader(images)},
		dataset.Source{Name: "labels", Reader: bytes.NewReader(labels)}, 7)
	return []damage{
		{"no such folder", absent},
		{"a file for the folder", file},
		{"IDX files missing", missing},
		{"empty file", with(nil, labels)},
		{"images and labels swapped", with(labels, images)},
		{"wrong magic number", with([]byte("PK\x03\x04 and so on"), labels)},
		{"header cut off", with(images[:10], labels)},
		{"data cut off", with(images[:2000], labels)},
		{"trailing bytes", with(append(bytes.Clone(images), 0), labels)},
		{"no images", with(images, idx(0x801, []uint32{0}, nil))},
		{"no height", size(3000, 0, 2)},
		{"dimensions that overflow", size(3000, 1<<31, 1<<31)},
		{"counts differ", size(2999, 2, 2)},
		{"label out of range (of 7 classes)", outside},
		{"stray label", with(images, stray)},
		{"gzip data cut off", with(small[:len(small)/2], labels)},
		{"gzip data damaged", with(damaged, labels)},
		{"gzip data without their checksum", with(small[:len(small)-3], labels)},
		{"bytes behind the gzip data", with(append(bytes.Clone(small), "and other bytes"...), labels)},
		{"gzip data made to exhaust memory", with(bomb, labels)},
		{"test images of another size", mixed},
	}
}

func folderDamages(t *testing.T) []damage {
	one := pngOf(t, stripes(3, 3))
	open := func(files map[string][]byte) error {
		_, _, err := dataset.OpenFolder(tree(t, files), dataset.FolderOptions{})
		return err
	}
	gone := only(t, "a.png", one, dataset.FolderOptions{Size: 3})
	require.NoError(t, os.Remove(gone.Path(0)))
	_, vanished := gone.Sample(0, make([]float32, 27))
	return []damage{
		{"folder without images", open(map[string][]byte{"cat/notes.txt": nil})},
		{"`train` without `test` or `val`", open(map[string][]byte{"train/cat/1.png": one})},
		{"a test class that training lacks", open(map[string][]byte{"train/cat/1.png": one, "test/dog/1.png": one})},
		{"too few images to divide", open(map[string][]byte{"cat/1.png": one, "dog/1.png": one})},
		{"image file removed meanwhile", vanished},
	}
}

func imageDamages(t *testing.T) []damage {
	whole, photo := pngOf(t, stripes(30, 30)), jpegOf(t, stripes(30, 30))
	wrongSum := bytes.Clone(whole)
	wrongSum[len(wrongSum)-20] ^= 1
	sample := func(name string, data []byte) error {
		_, err := only(t, name, data, dataset.FolderOptions{Size: 8}).Sample(0, make([]float32, 3*64))
		return err
	}
	hole := holes{counting(t, 10, 1, 1, 1), func(i int) bool { return i == 3 }}
	all := holes{hole.Images, func(int) bool { return true }}
	return []damage{
		{"empty image file", sample("a.png", nil)},
		{"another format", sample("a.jpg", []byte("GIF89a"))},
		{"PNG cut off in its header", sample("a.png", whole[:20])},
		{"PNG cut off in its data", sample("a.png", whole[:len(whole)-30])},
		{"PNG with a flipped bit", sample("a.png", wrongSum)},
		{"JPEG cut off in its header", sample("a.jpg", photo[:100])},
		{"JPEG cut off in its data", sample("a.jpg", photo[:len(photo)-60])},
		{"header of a huge PNG", sample("a.png", hugePNG(1<<20, 1<<20))},
		{"header of a huge JPEG", sample("a.jpg", sizedJPEG(1<<16-1))},
		{"damaged image in a batch that must not have one", epochError(t, hole, dataset.FailOnDamage)},
		{"nothing but damaged images", epochError(t, all, dataset.ReplaceDamaged)},
	}
}

func epochError(t *testing.T, ds dataset.Dataset, damage dataset.OnDamage) error {
	for _, err := range newLoader(t, dataset.LoaderOptions{Batch: 10, Damage: damage}).Epoch(ds, []int{0, 1, 2, 3, 4}) {
		return err
	}
	return nil
}

func exportDamages(t *testing.T) []damage {
	set := counting(t, 2, 1, 4, 4)
	fresh := filepath.Join(t.TempDir(), "set")
	return []damage{
		{"export to a folder in use", dataset.Export(set, writeFiles(t, map[string][]byte{"thesis.txt": nil}))},
		{"export of two channels", dataset.Export(counting(t, 2, 2, 4, 4), fresh)},
		{"export of a class whose name is a path", dataset.Export(hostileNames{set}, fresh)},
	}
}
