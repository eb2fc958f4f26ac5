package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// OpenFolder lists a folder of class folders of PNG and JPEG images: DIR/CLASS/IMAGE.png. The classes are the folders
// sorted by name; an empty one is a class without images. If the class folders lie in DIR/train and DIR/test (or
// DIR/val), those are the training and the test set; otherwise options.TestFraction of each class is for testing.
//
// Only the names are read here; images are decoded, and damage is found, by Sample. Hidden files, folders within a class
// folder and files that are not called .png, .jpg or .jpeg are left out.
func OpenFolder(dir string, options FolderOptions) (train, test *Folder, err error) {
	options, err = options.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	trainDir, testDir, err := splitFolders(dir)
	if err != nil {
		return nil, nil, err
	}
	classes, files, err := listClasses(trainDir)
	if err != nil {
		return nil, nil, err
	}
	var testFiles []imageFile
	if testDir != "" {
		testFiles, err = listTest(testDir, trainDir, classes)
	} else {
		files, testFiles, err = divide(dir, files, options)
	}
	if err != nil {
		return nil, nil, err
	}
	budget := new(atomic.Int64)
	budget.Store(options.CacheBytes)
	return newFolder(options, classes, files, budget), newFolder(options, classes, testFiles, budget), nil
}

// splitFolders finds DIR/train and DIR/test (or val); without them the training folder is dir and the other is "". A
// folder train that holds no folders is a class of that name.
func splitFolders(dir string) (train, test string, err error) {
	train = filepath.Join(dir, "train")
	inside, err := subfolders(train)
	if err != nil || len(inside) == 0 {
		return dir, "", nil
	}
	for _, name := range []string{"test", "val"} {
		path := filepath.Join(dir, name)
		if inside, err := subfolders(path); err == nil && len(inside) > 0 {
			return train, path, nil
		}
	}
	return "", "", fmt.Errorf("%s holds class folders: expected %s or val beside it, or give %s itself to divide its images",
		train, filepath.Join(dir, "test"), train)
}

// subfolders are the names of the folders in dir, sorted, hidden ones left out.
func subfolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") && kindOf(dir, entry).IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// kindOf is the type of what entry is or links to.
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

// listClasses lists the class folders of dir and their images, by class and name.
func listClasses(dir string) (classes []string, files []imageFile, err error) {
	classes, err = subfolders(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("image folder: %w", err)
	}
	for label, class := range classes {
		if files, err = appendImages(files, filepath.Join(dir, class), label); err != nil {
			return nil, nil, err
		}
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%s: found no image in %d class folders: expected files such as %s", dir, len(classes), filepath.Join(dir, "CLASS", "IMAGE.png"))
	}
	return classes, files, nil
}

// listTest lists the images of dir, whose classes must all be in the training folder.
func listTest(dir, trainDir string, classes []string) ([]imageFile, error) {
	names, files, err := listClasses(dir)
	if err != nil {
		return nil, err
	}
	labels := make([]int, len(names))
	for i, name := range names {
		label, found := slices.BinarySearch(classes, name)
		if !found {
			return nil, fmt.Errorf("%s: class %q is not in %s, which has %d: %s", dir, name, trainDir, len(classes), abbreviate(classes))
		}
		labels[i] = label
	}
	for i := range files {
		files[i].label = labels[files[i].label]
	}
	return files, nil
}

func abbreviate(names []string) string {
	const some = 12
	if len(names) <= some {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:some], ", ") + ", …"
}

func appendImages(files []imageFile, dir string, label int) ([]imageFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("class folder: %w", err)
	}
	for _, entry := range entries {
		if isImageName(entry.Name()) && kindOf(dir, entry).IsRegular() {
			files = append(files, imageFile{dir: dir, name: entry.Name(), label: label})
		}
	}
	return files, nil
}

func isImageName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

// divide keeps the fraction of each class that comes first by the hash of its name for testing, and both parts in the
// order of class and name. At least one image of a class stays for training.
func divide(dir string, files []imageFile, options FolderOptions) (train, test []imageFile, err error) {
	if options.TestFraction < 0 {
		return files, nil, nil
	}
	for start := 0; start < len(files); {
		end := start
		for end < len(files) && files[end].label == files[start].label {
			end++
		}
		class := files[start:end]
		limit := testLimit(class, options)
		for _, file := range class {
			if limit > 0 && nameHash(file, options.Seed) <= limit {
				test = append(test, file)
			} else {
				train = append(train, file)
			}
		}
		start = end
	}
	if len(test) == 0 {
		return nil, nil, fmt.Errorf("%s: %d images leave none for testing at fraction %v: expected more images, a larger fraction, or folders train and test",
			dir, len(files), options.TestFraction)
	}
	return train, test, nil
}

// testLimit is the hash up to which the images of a class are for testing; 0 if none is.
func testLimit(class []imageFile, options FolderOptions) uint64 {
	count := min(int(math.Round(options.TestFraction*float64(len(class)))), len(class)-1)
	if count < 1 {
		return 0
	}
	hashes := make([]uint64, len(class))
	for i, file := range class {
		hashes[i] = nameHash(file, options.Seed)
	}
	slices.Sort(hashes)
	return hashes[count-1]
}

// nameHash orders a class's images. It depends on class, name and seed, not on where the folder lies.
func nameHash(file imageFile, seed uint64) uint64 {
	key := binary.LittleEndian.AppendUint64(nil, seed)
	key = append(key, filepath.Base(file.dir)...)
	key = append(append(key, '/'), file.name...)
	sum := sha256.Sum256(key)
	return binary.LittleEndian.Uint64(sum[:])
}
