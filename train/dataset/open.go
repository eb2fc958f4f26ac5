package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"convgraph/internal/file"
)

// Open opens pictures in any of these forms:
//
//   - a folder of class folders, as [OpenFolder] does;
//   - Parquet files as Hugging Face's datasets are stored;
//   - tar files as WebDataset writes them;
//   - a list, a CSV or JSON Lines file of paths and labels.
//
// path is a folder, a file, or a pattern of files such as "shards/train-*.tar". Parquet and tar
// files are in the folder itself or one folder below it. The names train, test and validation (or
// val), of folders and files or in a list's column split, divide them into a training and a test
// set; test takes precedence over validation. Without such names options.TestFraction of each class
// is for testing.
func Open(path string, options PictureOptions) (train, test *Pictures, err error) {
	options, err = options.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	files, err := findFiles(path)
	if err != nil {
		return nil, nil, err
	}
	if len(files) == 0 {
		train, test, err = OpenFolder(path, options)
		if errors.Is(err, errNoPictures) {
			err = fmt.Errorf("%w; no .parquet or .tar files; no IDX files: %s, with or without .gz",
				err, strings.Join(idxFiles[:], ", "))
		}
		return train, test, err
	}
	a := &archives{place: path, options: options}
	if err := a.read(files); err != nil {
		return nil, nil, err
	}
	return a.divide()
}

// archive is a file of pictures, and its path within the data.
type archive struct{ path, within string }

// findFiles finds the archives that path names. A folder may have none.
func findFiles(path string) (files []archive, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return findArchives(path)
	case err == nil:
		return []archive{{path, filepath.Base(path)}}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(path, "*?[") {
		return nil, err
	}
	paths, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: found no such file", path)
	}
	for _, p := range paths {
		files = append(files, archive{p, filepath.Base(p)})
	}
	return files, nil
}

// findArchives lists the Parquet and tar files in a folder and in the folders in it, sorted by
// path, without system files.
func findArchives(dir string) (files []archive, err error) {
	top, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	add := func(within string) {
		if e := strings.ToLower(filepath.Ext(within)); (e == ".parquet" || e == ".tar") &&
			!isSystem(filepath.Base(within)) {
			files = append(files, archive{filepath.Join(dir, within), within})
		}
	}
	for _, entry := range top {
		name := entry.Name()
		if !kindOf(dir, entry).IsDir() {
			add(name)
			continue
		}
		inside, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil {
			continue // unreadable; OpenFolder reports class folders
		}
		for _, entry := range inside {
			if !kindOf(filepath.Join(dir, name), entry).IsDir() {
				add(filepath.Join(name, entry.Name()))
			}
		}
	}
	slices.SortFunc(files, func(a, b archive) int { return strings.Compare(a.within, b.within) })
	return files, nil
}

// archives reads the files of one set, all of one form.
type archives struct {
	place   string
	options PictureOptions
	labels  labelTexts
	names   []string // of the classes, if the data declare them
	leftOut leftOuts
	splits  []split // of each sample

	store relabelled
}

// relabelled is a store whose samples get their labels once the classes are known.
type relabelled interface {
	store
	setLabels(labels []int32)
}

// read reads everything about each sample but its picture.
func (a *archives) read(files []archive) error {
	form := strings.ToLower(filepath.Ext(files[0].path))
	for _, f := range files {
		if e := strings.ToLower(filepath.Ext(f.path)); e != form {
			return fmt.Errorf("%s: got %s and %s: want files of one form", a.place, files[0].path, f.path)
		}
	}
	read, listed := isList(files[0].path)
	switch {
	case listed:
		return a.readLists(files, read)
	case form == ".tar":
		return a.readTars(files)
	case form == ".parquet":
		return a.readTables(files)
	}
	return fmt.Errorf("%s: want a folder, or a file that ends in .parquet, .tar, .csv or .jsonl%s",
		files[0].path, packedHint(files[0].path))
}

// packedHint suggests what to do with a compressed tar file.
func packedHint(path string) string {
	if name := strings.ToLower(path); strings.HasSuffix(name, ".tgz") || strings.Contains(name, ".tar.") {
		return "; a compressed tar file can't be read at any place: unpack it to .tar"
	}
	return ""
}

// divide makes the training and the test set.
func (a *archives) divide() (train, test *Pictures, err error) {
	labels, classes, err := a.labels.number(a.names)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.place, err)
	}
	if len(labels) == 0 {
		return nil, nil, fmt.Errorf("%s: found no picture with a label", a.place)
	}
	a.store.setLabels(labels)
	first, second, beside := divideBySplit(a.splits)
	if beside > 0 {
		a.leftOut.addAll(LeftOut{Folder: a.place, Kind: besideTheParts, Count: beside, Expected: true})
	}
	if a.options.Strict {
		if err := refuse(a.leftOut.list); err != nil {
			return nil, nil, err
		}
	}
	training, testing := a.store.pick(first), a.store.pick(second)
	switch {
	case len(first) == 0:
		return nil, nil, fmt.Errorf("%s: found test pictures only, want training pictures", a.place)
	case len(second) == 0:
		if first, second, err = divide(a.place, training, a.options); err != nil {
			return nil, nil, err
		}
		training, testing = training.pick(first), training.pick(second)
	}
	train, test = newPictures(a.options, classes, training, testing, a.leftOut.list, nil)
	return train, test, nil
}

// addSplit records the split of n samples.
func (a *archives) addSplit(s split, n int) {
	for range n {
		a.splits = append(a.splits, s)
	}
}

func (a *archives) readTars(files []archive) error {
	var all tarMembers
	for _, f := range files {
		members, err := readTar(f.path, &a.labels, &a.leftOut)
		if err != nil {
			return err
		}
		all = append(all, members...)
		a.addSplit(splitOf(f.within), len(members))
	}
	a.store = &all
	var err error
	a.names, err = readClassNames(filepath.Dir(files[0].path), a.place)
	return err
}

func (a *archives) readLists(files []archive, read func(*listReader, io.Reader) error) error {
	var all listedFiles
	for _, f := range files {
		l := &listReader{path: f.path, options: a.options, labels: &a.labels, leftOut: &a.leftOut}
		if err := l.read(read); err != nil {
			return err
		}
		own := splitOf(f.within)
		for i, s := range l.splits {
			if s == noSplit {
				l.splits[i] = own
			}
		}
		all, a.splits = append(all, l.files...), append(a.splits, l.splits...)
	}
	a.store = &all
	return nil
}

func (m *tarMembers) setLabels(labels []int32) {
	for i, label := range labels {
		(*m)[i].class = label
	}
}

func (f *listedFiles) setLabels(labels []int32) {
	for i, label := range labels {
		(*f)[i].class = label
	}
}

// classNamesFile has the classes' names, one a line, for tar files with numbers as labels.
const classNamesFile = "classnames.txt"

// readClassNames reads the file in the folder of the tar files, or in that of the data. It returns
// nil without one.
func readClassNames(dirs ...string) ([]string, error) {
	for _, dir := range dirs {
		path := filepath.Join(dir, classNamesFile)
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if info.Size() > maxClasses*256 {
			return nil, fmt.Errorf("%s: got %d bytes, want at most %d", path, info.Size(), maxClasses*256)
		}
		data, err := file.ReadText(path)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		return lines, nil
	}
	return nil, nil
}
