package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"convgraph/picture"
)

// OpenFolder lists a folder of class folders of pictures: DIR/CLASS/IMAGE.png. The classes are the
// folders, sorted by name; an empty one is a class without images. If the class folders are in
// DIR/train and DIR/test (or DIR/val), those are the training and the test set; otherwise
// options.TestFraction of each class is for testing.
//
// It reads only the names; Sample decodes images, and finds corrupt ones. [Pictures.LeftOut] lists
// what isn't used: files that aren't named as a picture, folders within a class folder, hidden
// files. A class whose name isn't UTF-8, or looks like another's, is an error.
func OpenFolder(dir string, options PictureOptions) (train, test *Pictures, err error) {
	options, err = options.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	trainDir, testDir, beside, err := splitFolders(dir)
	if err != nil {
		return nil, nil, err
	}
	training, err := listClasses(trainDir)
	if err != nil {
		return nil, nil, err
	}
	testing := &listing{classes: training.classes}
	if testDir != "" {
		testing, err = listTest(testDir, trainDir, training.classes)
	} else {
		var first, second []int
		first, second, err = divide(dir, training.files, options)
		training.files, testing.files = training.files.some(first), training.files.some(second)
	}
	if err != nil {
		return nil, nil, err
	}
	if options.Strict {
		if err := refuse(slices.Concat(training.leftOut.list, testing.leftOut.list)); err != nil {
			return nil, nil, err
		}
	}
	train, test = newPictures(options, training.classes, training.files, testing.files,
		slices.Concat(beside, training.leftOut.list), testing.leftOut.list)
	return train, test, nil
}

// splitFolders finds DIR/train and DIR/test (or val). Without them the training folder is dir and
// the other is "". A folder train without folders in it is a class of that name. Other folders
// beside the two are left out.
func splitFolders(dir string) (train, test string, beside []LeftOut, err error) {
	train = filepath.Join(dir, "train")
	inside, err := subfolders(train, nil)
	if err != nil || len(inside) == 0 {
		return dir, "", nil, nil
	}
	for _, name := range []string{"test", "val"} {
		path := filepath.Join(dir, name)
		if inside, err := subfolders(path, nil); err != nil || len(inside) == 0 {
			continue
		}
		all, err := subfolders(dir, nil)
		var others leftOuts
		for _, other := range all {
			if other != "train" && other != name {
				others.add(dir, besidesTheSplit, other)
			}
		}
		return train, path, others.list, err
	}
	return "", "", nil,
		fmt.Errorf("%s holds class folders: want %s or val beside it, or give %s itself to divide its images",
			train, filepath.Join(dir, "test"), train)
}

// subfolders returns the names of the folders in dir, sorted. System files and pictures are left
// out; other files, such as a README, are ignored.
func subfolders(dir string, leftOut *leftOuts) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		switch name := entry.Name(); {
		case isSystem(name):
			leftOut.add(dir, systemFiles, name)
		case kindOf(dir, entry).IsDir():
			names = append(names, name)
		case picture.HasExtension(name):
			leftOut.add(dir, looseImages, name)
		}
	}
	return names, nil
}

// isSystem reports whether a name is hidden, or left by macOS, Windows or a NAS.
func isSystem(name string) bool {
	return strings.HasPrefix(name, ".") ||
		slices.Contains([]string{"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"}, name)
}

// kindOf returns the type of an entry, or of the file that it links to.
func kindOf(dir string, entry fs.DirEntry) fs.FileMode {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type()
	}
	info, err := os.Stat(filepath.Join(dir, entry.Name()))
	if err != nil {
		return fs.ModeIrregular // a link to nothing
	}
	return info.Mode().Type()
}

var errNoPictures = errors.New("found no image")

// listing is the content of a folder of class folders.
type listing struct {
	classes []string // in normal form C, sorted
	files   imageFiles
	leftOut leftOuts
}

// listClasses lists the class folders of dir and their images, by class and name.
func listClasses(dir string) (*listing, error) {
	l := new(listing)
	folders, err := subfolders(dir, &l.leftOut)
	if err != nil {
		return nil, fmt.Errorf("image folder: %w", err)
	}
	if folders, err = l.name(dir, folders); err != nil {
		return nil, err
	}
	for label, folder := range folders {
		before := len(l.files)
		if err := l.appendImages(filepath.Join(dir, folder), label); err != nil {
			return nil, err
		}
		if len(l.files) == before {
			l.leftOut.add(dir, emptyClasses, folder)
		}
	}
	if len(l.files) == 0 {
		return nil, fmt.Errorf("%s: %w in %d class folders: want files such as %s",
			dir, errNoPictures, len(folders), filepath.Join(dir, "CLASS", "IMAGE.png"))
	}
	return l, nil
}

// name makes classes of folders, and sorts both. macOS and other systems may store the same name in
// two Unicode normal forms; the set is the same in both.
func (l *listing) name(dir string, folders []string) ([]string, error) {
	for _, folder := range folders {
		if !utf8.ValidString(folder) {
			return nil, fmt.Errorf("%s: got a class folder %q, want a name in UTF-8: rename it", dir, folder)
		}
	}
	slices.SortFunc(folders, func(a, b string) int { return strings.Compare(norm.NFC.String(a), norm.NFC.String(b)) })
	for i, folder := range folders {
		class := norm.NFC.String(folder)
		if i > 0 && class == l.classes[i-1] {
			return nil, fmt.Errorf("%s: got class folders %+q and %+q, whose names are the same but for the Unicode "+
				"normal form: rename one",
				dir, folders[i-1], folder)
		}
		l.classes = append(l.classes, class)
	}
	return folders, nil
}

// SameClasses reports whether two lists of class names are equal in Unicode's normal form C.
func SameClasses(a, b []string) bool {
	return slices.EqualFunc(a, b, func(a, b string) bool { return norm.NFC.String(a) == norm.NFC.String(b) })
}

// listTest lists the images of dir, whose classes must all be in the training folder.
func listTest(dir, trainDir string, classes []string) (*listing, error) {
	l, err := listClasses(dir)
	if err != nil {
		return nil, err
	}
	labels := make([]int, len(l.classes))
	for i, name := range l.classes {
		label, found := slices.BinarySearch(classes, name)
		if !found {
			return nil, fmt.Errorf("%s: class %q is not in %s, which has %d: %s",
				dir, name, trainDir, len(classes), abbreviate(classes))
		}
		labels[i] = label
	}
	for i := range l.files {
		l.files[i].label = labels[l.files[i].label]
	}
	return l, nil
}

func abbreviate(names []string) string {
	const some = 12
	if len(names) <= some {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:some], ", ") + ", …"
}

func (l *listing) appendImages(dir string, label int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("class folder: %w", err)
	}
	for _, entry := range entries {
		kind := kindOf(dir, entry)
		switch name := entry.Name(); {
		case isSystem(name):
			l.leftOut.add(dir, systemFiles, name)
		case kind.IsDir():
			l.leftOut.add(dir, nestedFolders, name)
		case !picture.HasExtension(name):
			l.leftOut.add(dir, otherFiles, name)
		case !kind.IsRegular():
			l.leftOut.add(dir, danglingLinks, name)
		default:
			l.files = append(l.files, imageFile{dir: dir, name: name, label: label})
		}
	}
	return nil
}
