package dataset_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats/parquet"
	"convgraph/train/dataset"
)

// forms are all forms, with where -data finds them in a folder that was exported.
var forms = map[dataset.Form]string{
	dataset.ClassFolders: "", dataset.ParquetFiles: "", dataset.TarFiles: "", dataset.PathList: "images.csv",
}

// random is a set of n random gray images in three classes.
func random(t testing.TB, n, side int, seed uint64) *dataset.Images {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	pixels, labels := make([]uint8, n*side*side), make([]uint8, n)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	for i := range labels {
		labels[i] = uint8(rng.IntN(3))
	}
	set, err := dataset.NewImages(tensor.Shape{1, side, side}, pixels, labels, 3)
	require.NoError(t, err)
	return set
}

func exported(t testing.TB, form dataset.Form, train, test dataset.Dataset) (path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "set")
	require.NoError(t, dataset.ExportAs(form, train, test, dir))
	return filepath.Join(dir, forms[form])
}

func opened(t testing.TB, path string, options dataset.PictureOptions) (train, test *dataset.Pictures) {
	t.Helper()
	train, test, err := dataset.Open(path, options)
	require.NoError(t, err)
	return train, test
}

// samplesOf are all samples of a set.
func samplesOf(t testing.TB, ds dataset.Dataset) (labels []int, samples [][]float32) {
	t.Helper()
	for i := range ds.Len() {
		label, x := sampleOf(t, ds, i)
		labels, samples = append(labels, label), append(samples, x)
	}
	return labels, samples
}

// TestEveryFormHasTheSameSamples exports a set in each form, and each of those in each form again:
// the samples, their order and the classes are the same, so training is.
func TestEveryFormHasTheSameSamples(t *testing.T) {
	options := dataset.PictureOptions{Shape: tensor.Shape{1, 7, 7}}
	train, test := random(t, 40, 7, 1), random(t, 10, 7, 2)
	folder, folderTest := opened(t, exported(t, dataset.ClassFolders, train, test), options)
	wantLabels, want := samplesOf(t, folder)
	wantTestLabels, wantTest := samplesOf(t, folderTest)
	require.True(t, slices.IsSorted(wantLabels))
	check := func(path string) (train, test *dataset.Pictures) {
		train, test = opened(t, path, options)
		assert.Equal(t, []string{"0", "1", "2"}, train.ClassNames())
		labels, samples := samplesOf(t, train)
		assert.Equal(t, wantLabels, labels)
		assert.Equal(t, want, samples)
		labels, samples = samplesOf(t, test)
		assert.Equal(t, wantTestLabels, labels)
		assert.Equal(t, wantTest, samples)
		assert.Empty(t, train.LeftOut())
		return train, test
	}
	for form := range forms {
		path := exported(t, form, train, test)
		again, againTest := check(path)
		for next := range forms {
			check(exported(t, next, again, againTest))
		}
	}
}

// TestExportCopiesPictures: an encoded picture is copied with its format, whatever its size.
func TestExportCopiesPictures(t *testing.T) {
	photo := jpegOf(t, stripes(30, 20))
	dir := tree(t, map[string][]byte{"train/a/x.png": photo, "test/a/y.png": pngOf(t, stripes(3, 3))})
	train, test := opened(t, dir, dataset.PictureOptions{})
	out := exported(t, dataset.ClassFolders, train, test)
	got, err := os.ReadFile(filepath.Join(out, "train", "a", "0.jpg"))
	require.NoError(t, err)
	assert.Equal(t, photo, got)
	broken := tree(t, map[string][]byte{"train/a/x.png": []byte("no picture"), "test/a/y.png": pngOf(t, stripes(3, 3))})
	train, test = opened(t, broken, dataset.PictureOptions{})
	err = dataset.ExportAs(dataset.TarFiles, train, test, filepath.Join(t.TempDir(), "set"))
	require.ErrorContains(t, err, "x.png: got a file that starts with 6e 6f 20 70")
	require.ErrorContains(t, dataset.ExportAs("zip", train, test, t.TempDir()),
		`got form "zip", want csv, folder, parquet, tar`)
}

// TestDigestOfEveryForm: another pixel, label or order of one picture is noticed.
func TestDigestOfEveryForm(t *testing.T) {
	options := dataset.PictureOptions{Shape: tensor.Shape{1, 4, 4}}
	for form := range forms {
		var digests []string
		for _, change := range []func(pixels, labels []uint8){
			func([]uint8, []uint8) {},
			func(pixels, _ []uint8) { pixels[16*7] ^= 1 },
			func(_, labels []uint8) { labels[9] ^= 1 },
		} {
			pixels, labels := bytes.Repeat([]byte{1, 2, 3, 4}, 4*20), bytes.Repeat([]byte{0, 1}, 10)
			change(pixels, labels)
			set, err := dataset.NewImages(tensor.Shape{1, 4, 4}, pixels, labels, 2)
			require.NoError(t, err)
			for range 2 {
				train, _ := opened(t, exported(t, form, set, set), options)
				digests = append(digests, digest(t, dataset.Mixed(train, 1)))
			}
		}
		assert.Equal(t, digests[0], digests[1], "%s: wherever it lies", form)
		assert.NotEqual(t, digests[0], digests[2], "%s: a pixel", form)
		assert.NotEqual(t, digests[0], digests[4], "%s: a label", form)
	}
}

// TestCorruptImageInEveryForm corrupts one picture: it is named and skipped, and with Strict an
// error.
func TestCorruptImageInEveryForm(t *testing.T) {
	whole := pngOf(t, stripes(3, 3))
	cut := bytes.Clone(whole)
	copy(cut[len(cut)-30:], make([]byte, 20))
	dir := tree(t, map[string][]byte{"train/a/0.png": whole, "train/a/1.png": whole, "train/b/2.png": whole,
		"test/a/0.png": whole, "test/b/0.png": whole})
	train, test := opened(t, dir, dataset.PictureOptions{})
	for form := range forms {
		path := exported(t, form, train, test)
		corruptSecond(t, path, whole, cut)
		options := dataset.PictureOptions{Shape: square(3)}
		set, _ := opened(t, path, options)
		_, err := set.Sample(1, make([]float32, 27))
		var corrupt *dataset.CorruptError
		require.ErrorAs(t, err, &corrupt, form)
		require.Len(t, set.CorruptImages(), 1)
		assert.Equal(t, set.Path(1), set.CorruptImages()[0].Path)
		n := 0
		for batch, err := range dataset.InOrder(set, 10) {
			require.NoError(t, err)
			n += len(batch.Labels)
		}
		assert.Equal(t, 2, n, form)
		options.Strict = true
		set, _ = opened(t, path, options)
		_, err = set.Sample(1, make([]float32, 27))
		require.Error(t, err)
		assert.NotErrorAs(t, err, &corrupt)
	}
}

// corruptSecond replaces the second picture of the training set, in whichever file it lies.
func corruptSecond(t *testing.T, path string, whole, broken []byte) {
	t.Helper()
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	seen := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, "train") {
			return err
		}
		data, err := os.ReadFile(path)
		for at := 0; err == nil; {
			k := bytes.Index(data[at:], whole)
			if k < 0 {
				break
			}
			if seen++; seen == 2 {
				copy(data[at+k:], broken)
				err = os.WriteFile(path, data, 0o644)
			}
			at += k + len(whole)
		}
		return err
	}))
	require.Equal(t, 3, seen)
}

// tarOf is a tar file of members in the order of the list: name, content, name, content.
func tarOf(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: members[i], Mode: 0o644, Size: int64(len(members[i+1]))}))
		_, err := w.Write([]byte(members[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestTarFiles reads labels as numbers, names and JSON, in shards that are divided by folder or
// name.
func TestTarFiles(t *testing.T) {
	one := string(pngOf(t, stripes(3, 3)))
	options := dataset.PictureOptions{Shape: square(3)}
	numbered := tarOf(t, "a/1.cls", "0", "a/1.png", one, "a/2.jpg", one, "a/2.cls", " 2\n", "3.json", `{"label": 1}`,
		"3.png", one)
	named := tarOf(t, "1.png", one, "1.cls", "dog", "2.seg.png", one, "2.json", `{"cls": "cat", "label": null}`)
	for name, c := range map[string]struct {
		files   map[string][]byte
		classes []string
		labels  []int
	}{
		"numbers": {map[string][]byte{"train/0.tar": numbered, "test/0.tar": numbered},
			[]string{"0", "1", "2"}, []int{0, 2, 1}},
		"names": {map[string][]byte{"set-train-00.tar": named, "set-test-00.tar": named},
			[]string{"cat", "dog"}, []int{1, 0, 1, 0}},
		"names of a file": {map[string][]byte{"train-0.tar": numbered, "val-0.tar": numbered,
			"classnames.txt": []byte("\xef\xbb\xbfx\ny\r\nz\n")}, []string{"x", "y", "z"}, []int{0, 2, 1}},
		"several in order": {map[string][]byte{"train-1.tar": tarOf(t, "1.png", one, "1.cls", "1"),
			"train-0.tar": tarOf(t, "1.png", one, "1.cls", "0"), "test.tar": numbered}, []string{"0", "1", "2"},
			[]int{0, 1}},
		"nothing but train": {map[string][]byte{"0.tar": numbered, "test-0.tar": numbered,
			"validation-0.tar": numbered}, []string{"0", "1", "2"}, []int{0, 2, 1}},
	} {
		if name == "names" { // neither word begins the name: divided by chance
			train, test := opened(t, tree(t, c.files), dataset.PictureOptions{Shape: square(3), TestFraction: -1})
			labels, _ := samplesOf(t, train)
			assert.Equal(t, c.labels, labels, name)
			assert.Zero(t, test.Len())
			assert.Equal(t, c.classes, train.ClassNames(), name)
			continue
		}
		train, test := opened(t, tree(t, c.files), options)
		labels, _ := samplesOf(t, train)
		assert.Equal(t, c.labels, labels, name)
		assert.Equal(t, c.classes, train.ClassNames(), name)
		assert.Equal(t, 3, test.Len(), name)
	}
}

// TestTarFilesLeaveOut names what isn't in the set.
func TestTarFilesLeaveOut(t *testing.T) {
	one := string(pngOf(t, stripes(3, 3)))
	path := filepath.Join(tree(t, map[string][]byte{"x.tar": tarOf(t, "1.png", one, "1.cls", "0", "1.txt", "a caption",
		"2.png", one, "3.png", one, "3.cls", "-1",
		"._1.png", "mac", "4.cls", "1")}), "x.tar")
	train, _ := opened(t, path, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	assert.Equal(t, 1, train.Len())
	var kinds []string
	for _, l := range train.LeftOut() {
		kinds = append(kinds, l.String())
	}
	assert.ElementsMatch(t, []string{
		path + ": 1 members that aren't named as a picture of a known format: 1.txt",
		path + ": 2 pictures without a label: 2.png, 3.png",
		path + ": 1 hidden or system files: ._1.png",
	}, kinds)
	_, _, err := dataset.Open(path, dataset.PictureOptions{Strict: true})
	require.ErrorContains(t, err, "2 pictures without a label")
}

// TestLists reads paths and labels from CSV and JSON Lines.
func TestLists(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	files := map[string][]byte{"p/1.png": one, "p/2.png": one, "p/3.png": one, "p/4.png": one,
		"a.csv": []byte("\xef\xbb\xbf\"path\",label,split\np/1.png,dog, Train\np/2.png,cat,\n" +
			"\"p/3.png\",dog,TEST \np/4.png,cat,validation\np/4.png,dog,dev\n"),
		"b.jsonl": []byte("\xef\xbb\xbf" + `{"file_name": "p/1.png", "label": "dog"}` + "\n\n" +
			`{"file_name": "p/2.png", "label": "cat", "split": "train"}` + "\n" +
			`{"file_name": "p/3.png", "label": "dog", "split": "test"}`),
		"c.csv": []byte("id,fine,file\n7,1,p/1.png\n8,0,p/2.png\n9,-1,p/3.png\n9,,p/3.png\n"),
	}
	dir := tree(t, files)
	for _, name := range []string{"a.csv", "b.jsonl"} {
		train, test := opened(t, filepath.Join(dir, name), dataset.PictureOptions{Shape: square(3)})
		labels, _ := samplesOf(t, train)
		assert.Equal(t, []int{1, 0}, labels, name)
		assert.Equal(t, []string{"cat", "dog"}, train.ClassNames())
		assert.Equal(t, 1, test.Len(), name)
		assert.Equal(t, filepath.Join(dir, "p", "3.png"), test.Path(0))
		if name == "a.csv" {
			want := []string{"a.csv: 2 validation pictures beside the training and the test set true"}
			assert.Equal(t, want, leftOut(t, train, dir))
		} else {
			assert.Empty(t, train.LeftOut())
		}
	}
	train, _ := opened(t, filepath.Join(dir, "c.csv"),
		dataset.PictureOptions{Shape: square(3), LabelColumn: "fine", TestFraction: -1})
	labels, _ := samplesOf(t, train)
	assert.Equal(t, []int{1, 0}, labels)
	assert.Equal(t, 2, train.LeftOut()[0].Count)

	require.NoError(t, os.Remove(filepath.Join(dir, "p", "1.png")))
	_, err := train.Sample(0, make([]float32, 27))
	var corrupt *dataset.CorruptError
	require.ErrorAs(t, err, &corrupt)
}

// TestListsRejectPathsOutsideTheirFolder: other paths are an error, unless the options allow them.
func TestListsRejectPathsOutsideTheirFolder(t *testing.T) {
	outside := filepath.Join(tree(t, map[string][]byte{"x.png": pngOf(t, stripes(3, 3))}), "x.png")
	for _, path := range []string{"../x.png", "a/../../x.png", outside} {
		dir := tree(t, map[string][]byte{"l.csv": []byte("path,label\n" + path + ",1\n")})
		_, _, err := dataset.Open(filepath.Join(dir, "l.csv"), dataset.PictureOptions{})
		require.ErrorContains(t, err, "l.csv: line 2: got path "+fmt.Sprintf("%q", path)+
			", want one in the list's folder")
	}
	dir := tree(t, map[string][]byte{"l.csv": []byte("path,label\n" + outside + ",0\n")})
	train, _ := opened(t, filepath.Join(dir, "l.csv"),
		dataset.PictureOptions{Shape: square(3), AnyPath: true, TestFraction: -1})
	sampleOf(t, train, 0)
}

// table writes a Parquet file of one row group.
func table(t testing.TB, metadata string, columns []parquet.Column, values []parquet.Values) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := parquet.NewWriter(&b, columns, map[string]string{"huggingface": metadata})
	require.NoError(t, err)
	require.NoError(t, w.WriteGroup(values))
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestParquetColumns finds the pictures and the labels by the metadata or by their names.
func TestParquetColumns(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	pictures := parquet.Values{Bytes: [][]byte{one, one, nil}, Null: []bool{false, false, true}}
	numbers := parquet.Values{Ints: []int64{1, 0, 1}}
	names := parquet.Values{Bytes: [][]byte{[]byte("dog"), []byte("cat"), []byte("dog")}}
	column := func(path string, kind parquet.Type) parquet.Column { return parquet.Column{Path: path, Type: kind} }
	for _, c := range []struct {
		what     string
		metadata string
		columns  []parquet.Column
		values   []parquet.Values
		option   string
		classes  []string
	}{
		{"numbers", "", []parquet.Column{column("image.bytes", parquet.ByteArray), column("label", parquet.Int64)},
			[]parquet.Values{pictures, numbers}, "", []string{"0", "1"}},
		{"names", "", []parquet.Column{column("class", parquet.ByteArray), column("img", parquet.ByteArray)},
			[]parquet.Values{names, pictures}, "", []string{"cat", "dog"}},
		{"declared", `{"info": {"features": {"scan": {"_type": "Image"},
		"kind": {"_type": "ClassLabel", "names": ["no", "yes"]}, "list": [1]}}}`,
			[]parquet.Column{column("scan.bytes", parquet.ByteArray), column("kind", parquet.Int64)},
			[]parquet.Values{pictures, numbers}, "", []string{"no", "yes"}},
		{"chosen", "", []parquet.Column{column("image.bytes", parquet.ByteArray), column("coarse", parquet.Int64)},
			[]parquet.Values{pictures, numbers}, "coarse", []string{"0", "1"}},
	} {
		dir := tree(t,
			map[string][]byte{"data/train-00000-of-00001.parquet": table(t, c.metadata, c.columns, c.values)})
		train, _ := opened(t, dir, dataset.PictureOptions{Shape: square(3), LabelColumn: c.option, TestFraction: -1})
		assert.Equal(t, c.classes, train.ClassNames(), c.what)
		label, _ := sampleOf(t, train, 0)
		assert.Equal(t, 1, label, c.what)
		_, err := train.Sample(2, make([]float32, 27))
		require.ErrorContains(t, err, "train-00000-of-00001.parquet: row 2: the row has no picture", c.what)
	}
}

// large is a Parquet set of pictures of about 30 KB each, in several pages.
func large(t testing.TB, n int, window int64) (train *dataset.Pictures) {
	t.Helper()
	train, _ = opened(t, exported(t, dataset.ParquetFiles, random(t, n, 170, 1), random(t, 3, 170, 2)),
		dataset.PictureOptions{Shape: tensor.Shape{1, 8, 8}, Window: window})
	return train
}

// TestShuffleInWindows: the order has every sample once, depends on the generator alone, and holds
// few pages at once.
func TestShuffleInWindows(t *testing.T) {
	const n = 200
	train := large(t, n, 3<<20)
	require.True(t, dataset.Windowed(train))
	shuffle := func(seed uint64) []int { return dataset.Shuffle(train, rand.New(rand.NewPCG(seed, 0))) }
	order := shuffle(1)
	assert.Equal(t, order, shuffle(1))
	assert.NotEqual(t, order, shuffle(2))
	sorted := slices.Sorted(slices.Values(order))
	for i, k := range sorted {
		require.Equal(t, i, k)
	}
	// A page has some pictures, and a window of 3 MiB less than a fifth of the set: neighbors in
	// the file are seldom neighbors in the order, but nearly always in the same window.
	places := make([]int, n)
	for at, i := range order {
		places[i] = at
	}
	beside, near := 0, 0
	for i := 1; i < n; i++ {
		d := places[i] - places[i-1]
		if d == 1 || d == -1 {
			beside++
		}
		if d > -n/5 && d < n/5 {
			near++
		}
	}
	assert.Less(t, beside, n/10)
	assert.Greater(t, near, n*8/10)

	whole := large(t, n, 1<<30)
	assert.False(t, dataset.Windowed(whole))
	assert.Equal(t, rand.New(rand.NewPCG(1, 0)).Perm(n), dataset.Shuffle(whole, rand.New(rand.NewPCG(1, 0))))
	assert.Equal(t, rand.New(rand.NewPCG(1, 0)).Perm(n),
		dataset.Shuffle(dataset.Mixed(whole, 3), rand.New(rand.NewPCG(1, 0))))
}

// TestWindowsKeepSamples: batches of a set in windows are the same for any number of workers,
// and its samples are those of the whole set.
func TestWindowsKeepSamples(t *testing.T) {
	const n = 60
	train, whole := large(t, n, 1<<20), large(t, n, 1<<30)
	order := dataset.Shuffle(train, rand.New(rand.NewPCG(1, 0)))
	for _, workers := range []int{1, 5} {
		loader := newLoader(t, dataset.LoaderOptions{Batch: 7, Workers: workers})
		k := 0
		for batch, err := range loader.Epoch(train, order) {
			require.NoError(t, err)
			for i := range batch.Labels {
				label, x := sampleOf(t, whole, order[k])
				require.Equal(t, label, batch.Labels[i])
				require.Equal(t, x, batch.X[i*64:][:64])
				k++
			}
		}
		assert.Equal(t, n, k)
	}
	rest, part, err := dataset.Split(train, 0.3, 1)
	require.NoError(t, err)
	for _, set := range []dataset.Dataset{rest, part} {
		require.True(t, dataset.Windowed(set))
		got := dataset.Shuffle(set, rand.New(rand.NewPCG(1, 0)))
		assert.Len(t, got, set.Len())
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(got))), set.Len())
	}
}

// TestSome takes samples of a set in windows in its order, and of others in a random one.
func TestSome(t *testing.T) {
	train, whole := large(t, 60, 1<<20), large(t, 60, 1<<30)
	labels := func(ds dataset.Dataset) (l []int) { l, _ = samplesOf(t, ds); return l }
	assert.Same(t, train, dataset.Some(train, 0, 1))
	some := labels(dataset.Some(train, 20, 1))
	assert.Len(t, some, 20)
	assert.True(t, slices.IsSorted(some), "the file is sorted by class")
	assert.False(t, slices.IsSorted(labels(dataset.Some(whole, 20, 1))))
	assert.Len(t, labels(dataset.Some(whole, 0, 1)), 60)
}

// TestMemoryOfLargeFiles reads a set of 18 MB in windows of 1 MiB.
func TestMemoryOfLargeFiles(t *testing.T) {
	train := large(t, 200, 1<<20)
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := live(), uint64(0)
	x := make([]float32, 64)
	for k, i := range dataset.Shuffle(train, rand.New(rand.NewPCG(1, 0))) {
		_, err := train.Sample(i, x)
		require.NoError(t, err)
		if k%20 == 0 {
			most = max(most, live())
		}
	}
	assert.Less(t, most, before+6<<20)
	runtime.KeepAlive(train)
}

// openHostile opens data as a file of a form, and reads what it finds.
func openHostile(t testing.TB, name string, data []byte) (allocated uint64, err error) {
	path := filepath.Join(tree(t, map[string][]byte{name: data}), name)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	train, _, err := dataset.Open(path, dataset.PictureOptions{Shape: square(2), TestFraction: -1})
	if err == nil {
		x := make([]float32, 12)
		for i := range train.Len() {
			_, _ = train.Sample(i, x)
			_ = train.Path(i)
		}
		require.NoError(t, dataset.Digest(train, new(bytes.Buffer)))
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// TestHostileLists: a line without an end, and labels that would make millions of classes.
func TestHostileLists(t *testing.T) {
	long := append([]byte("path,label\n"), bytes.Repeat([]byte("x"), 8<<20)...)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a.csv":   {long, "got a line of more than 1048576 bytes"},
		"b.jsonl": {long[11:], "got a line of more than 1048576 bytes"},
		"c.csv": {[]byte("path,label\na.png,2000000000\n"),
			"got label 2000000000, but only 1 of the labels 0 to 2000000000 occur"},
		"d.csv":   {[]byte("path,label\na.png\n"), "wrong number of fields"},
		"e.csv":   {[]byte("a,b\n1,2\n"), "line 1: got the columns"},
		"f.csv":   {nil, "the file is empty"},
		"g.csv":   {[]byte("path,label\n"), "found no picture with a label"},
		"h.csv":   {[]byte("path,label,split\na.png,1,other\n"), `got split "other", want train, validation or test`},
		"i.jsonl": {[]byte(`{"label": 1}`), "line 1: got no path"},
		"j.jsonl": {[]byte(`{"path"`), "line 1: unexpected end of JSON input"},
		"k.csv":   {[]byte("path,label\na.png,\xff\n"), "want a name in UTF-8"},
		"m.csv": {[]byte("path,label\na\x00.png,1\n"),
			"line 2: got path \"a\\x00.png\", want one without a zero byte"},
		"l.csv": {[]byte("path,label,split\na.png,1,test\n"), "found test pictures only"},
	} {
		allocated, err := openHostile(t, name, c.data)
		require.ErrorContains(t, err, c.want, name)
		assert.Less(t, allocated, uint64(24<<20), name)
	}
}

// TestHostileTars: a member that claims to be larger than the file.
func TestHostileTars(t *testing.T) {
	one := string(pngOf(t, stripes(3, 3)))
	whole := tarOf(t, "1.png", one, "1.cls", "0")
	claimed := bytes.Clone(whole)
	copy(claimed[124:], "77777777777\x00") // the size, in octal: 8 GiB
	fixSum(claimed)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"a.tar": {claimed, "1.png: got 8589934591 bytes at byte 512 of 3072: the file is cut off"},
		"b.tar": {whole[:1024], "the block of zeros at the end is missing: the file is cut off"},
		"c.tar": {[]byte("no tar file, but longer than one block of it" + strings.Repeat(".", 600)),
			"after 0 pictures: archive/tar: invalid tar header"},
		"d.tar": {tarOf(t, "1.png", one, "1.cls", strings.Repeat("1", 2000)),
			"1.cls: got a label of 2000 bytes, want at most 1024"},
		"e.tar": {tarOf(t, "1.png", one), "found no picture with a label"},
		"f.tgz": {whole, "want a folder, or a file that ends in .parquet, .tar, .csv or .jsonl; " +
			"a compressed tar file can't be read at any place"},
	} {
		allocated, err := openHostile(t, name, c.data)
		require.ErrorContains(t, err, c.want, name)
		assert.Less(t, allocated, uint64(1<<20), name)
	}
}

// TestListWithMissingFiles: each listed name that isn't a file's is a corrupt image. The digest
// and the other images are read.
func TestListWithMissingFiles(t *testing.T) {
	dir := tree(t, map[string][]byte{"a.png": pngOf(t, stripes(2, 2)), "sub/b.png": nil})
	list := fmt.Sprintf("path,label\na.png,0\nmissing.png,0\nsub,0\na.png/b.png,0\n%s.png,0\n",
		strings.Repeat("x", 5000))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "list.csv"), []byte(list), 0o600))
	train, _ := opened(t, filepath.Join(dir, "list.csv"), dataset.PictureOptions{Shape: square(2), TestFraction: -1})
	require.Equal(t, 5, train.Len())
	x := make([]float32, train.Shape().TotalSize())
	for i := range train.Len() {
		_, err := train.Sample(i, x)
		_, corrupt := errors.AsType[*dataset.CorruptError](err)
		assert.Equal(t, i > 0, corrupt, "%s: %v", train.Path(i), err)
	}
	require.NoError(t, dataset.Digest(train, new(bytes.Buffer)))
}

// fixSum writes the checksum of the first header.
func fixSum(data []byte) {
	copy(data[148:156], "        ")
	sum := 0
	for _, b := range data[:512] {
		sum += int(b)
	}
	copy(data[148:], fmt.Sprintf("%06o\x00 ", sum))
}

// TestOpenRefuses what is of no form, or of two.
func TestOpenRefuses(t *testing.T) {
	one := string(pngOf(t, stripes(3, 3)))
	both := tree(t, map[string][]byte{"a.tar": tarOf(t, "1.png", one, "1.cls", "0"), "b.parquet": nil})
	_, _, err := dataset.Open(both, dataset.PictureOptions{})
	require.ErrorContains(t, err, "want files of one form")
	_, _, err = dataset.Open(filepath.Join(both, "x-*.tar"), dataset.PictureOptions{})
	require.ErrorContains(t, err, "x-*.tar: found no such file")
	_, _, err = dataset.Open(filepath.Join(both, "b.parquet"), dataset.PictureOptions{})
	require.ErrorContains(t, err, "b.parquet: got 0 bytes, want a Parquet file")
	_, _, err = dataset.Open(t.TempDir(), dataset.PictureOptions{})
	require.ErrorContains(t, err, "found no image in 0 class folders")
	require.ErrorContains(t, err,
		"; no .parquet or .tar files; no IDX files: train-images-idx3-ubyte, train-labels-idx1-ubyte, "+
			"t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, with or without .gz")
	train, _ := opened(t, filepath.Join(both, "*.tar"), dataset.PictureOptions{TestFraction: -1})
	assert.Equal(t, 1, train.Len())
	_, _, err = dataset.Open(filepath.Join(both, "a.tar"), dataset.PictureOptions{})
	require.ErrorContains(t, err, "1 images leave none for testing")
}

func fuzzForm(f *testing.F, name string) {
	f.Fuzz(func(t *testing.T, data []byte) {
		allocated, _ := openHostile(t, name, data)
		if allocated > 64<<20+1000*uint64(len(data)) {
			t.Fatalf("%d bytes made it allocate %d", len(data), allocated)
		}
	})
}

func FuzzOpenTar(f *testing.F) {
	one := string(pngOf(f, image.NewGray(image.Rect(0, 0, 1, 1))))
	f.Add(tarOf(f, "1.png", one, "1.cls", "0", "2.json", `{"label": 1}`, "2.png", one, "3.txt", ""))
	fuzzForm(f, "a.tar")
}

func FuzzOpenCSV(f *testing.F) {
	f.Add([]byte("path,label,split\np/1.png,dog,train\n\"a\nb\",1,test\n../x,-1,\n"))
	fuzzForm(f, "a.csv")
}

func FuzzOpenJSONLines(f *testing.F) {
	f.Add([]byte("{\"path\": \"a\", \"label\": 1}\n{\"file\": \"b\", \"label\": \"x\", \"split\": \"test\"}\n"))
	fuzzForm(f, "a.jsonl")
}

func FuzzOpenParquet(f *testing.F) {
	one := pngOf(f, image.NewGray(image.Rect(0, 0, 1, 1)))
	f.Add(table(f,
		`{"info": {"features": {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b"]}}}}`,
		[]parquet.Column{{Path: "image.bytes", Type: parquet.ByteArray}, {Path: "label", Type: parquet.Int64}},
		[]parquet.Values{{Bytes: [][]byte{one, one}}, {Ints: []int64{0, 1}}}))
	fuzzForm(f, "a.parquet")
}
