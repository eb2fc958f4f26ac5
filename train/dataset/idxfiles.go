package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// idxFiles are the files of MNIST's distribution: training images and labels, test images and
// labels.
var idxFiles = [4]string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
	"t10k-labels-idx1-ubyte"}

// idxName parses the name of such a file. EMNIST's have a prefix, and test for t10k:
// emnist-letters-test-images-idx3-ubyte.gz.
var idxName = regexp.MustCompile(`(?i)^(?:(.+)-)?(train|t10k|test)-(images[-.]idx3|labels[-.]idx1)-ubyte(\.gz)?$`)

// HasIDX reports whether dir contains or names any of the files that [OpenIDX] reads. If not, dir
// is for [Open].
func HasIDX(dir string) bool { return len(findSets(dir)) > 0 }

// idxSet is the files of one training and test set.
type idxSet struct {
	folder, prefix string
	paths          [4]string // in the order of idxFiles; "" is missing
}

// name is the path with which OpenIDX chooses the set.
func (s *idxSet) name() string { return filepath.Join(s.folder, s.prefix) }

// isEMNIST reports whether the files are called as EMNIST's are.
func (s *idxSet) isEMNIST() bool {
	name, _, _ := strings.Cut(strings.ToLower(s.prefix), "-")
	return name == "emnist"
}

// missing returns the names of the missing files.
func (s *idxSet) missing() (names []string) {
	for i, name := range idxFiles {
		if s.paths[i] != "" {
			continue
		}
		if s.prefix != "" {
			name = s.prefix + "-" + strings.Replace(name, "t10k", "test", 1)
		}
		names = append(names, name)
	}
	return names
}

// findIDX returns the one set in dir.
func findIDX(dir string) (*idxSet, error) {
	sets := findSets(dir)
	if len(sets) == 0 {
		info, err := os.Stat(dir)
		if err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%s is a file: want a folder that holds the four IDX files", dir)
		}
		sets = []*idxSet{{folder: dir}}
	}
	whole := slices.DeleteFunc(slices.Clone(sets), func(s *idxSet) bool { return len(s.missing()) > 0 })
	switch len(whole) {
	case 0:
		return nil, fmt.Errorf("%s: found no %s (with or without .gz)", sets[0].folder,
			strings.Join(sets[0].missing(), ", no "))
	case 1:
		return whole[0], nil
	}
	var names []string
	for _, s := range whole {
		names = append(names, s.name())
	}
	return nil, fmt.Errorf("%s: got %d sets of IDX files: want one, or one of their names: %s",
		dir, len(whole), strings.Join(names, ", "))
}

// mostFolders bounds the folders that are searched in a folder: data sets have few, and ImageNet
// has a thousand classes.
const mostFolders = 64

// findSets finds the sets in dir, whole or not. Without any it searches the folders below that
// torchvision and EMNIST use: MNIST/raw, gzip. If dir doesn't exist, it is a folder and a set's
// prefix: raw/emnist-letters.
func findSets(dir string) []*idxSet {
	if _, err := os.Stat(dir); err != nil {
		prefix := filepath.Base(dir)
		sets := setsIn(filepath.Dir(dir))
		return slices.DeleteFunc(sets, func(s *idxSet) bool { return !strings.EqualFold(s.prefix, prefix) })
	}
	level := []string{dir}
	for range 3 {
		var sets []*idxSet
		for _, folder := range level {
			sets = append(sets, setsIn(folder)...)
		}
		if len(sets) > 0 {
			return sets
		}
		level = foldersIn(level)
	}
	return nil
}

// foldersIn returns the folders in others, or nil if there are too many.
func foldersIn(folders []string) (inner []string) {
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue // OpenFolder reports it
		}
		for _, e := range entries {
			path := filepath.Join(folder, e.Name())
			if info, err := os.Stat(path); err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				inner = append(inner, path)
			}
			if len(inner) > mostFolders {
				return nil
			}
		}
	}
	return inner
}

// setsIn returns the sets in a folder, sorted by prefix. Of several spellings of a file, a plain
// one wins over a compressed one, then a hyphen over a dot, then t10k over test.
func setsIn(folder string) (sets []*idxSet) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return rank(a.Name()) - rank(b.Name()) })
	for _, e := range entries {
		parts := idxName.FindStringSubmatch(e.Name())
		path := filepath.Join(folder, e.Name())
		if info, err := os.Stat(path); parts == nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		i := slices.IndexFunc(sets, func(s *idxSet) bool { return s.prefix == parts[1] })
		if i < 0 {
			i = len(sets)
			sets = append(sets, &idxSet{folder: folder, prefix: parts[1]})
		}
		role := 0
		if !strings.EqualFold(parts[2], "train") {
			role = 2
		}
		if strings.EqualFold(parts[3][:6], "labels") {
			role++
		}
		if sets[i].paths[role] == "" {
			sets[i].paths[role] = path
		}
	}
	slices.SortFunc(sets, func(a, b *idxSet) int { return strings.Compare(a.prefix, b.prefix) })
	return sets
}

// rank orders the spellings of a file's name.
func rank(name string) (r int) {
	name = strings.ToLower(name)
	for i, worse := range []string{"test-", ".idx", ".gz"} {
		if strings.Contains(name, worse) {
			r += 1 << i
		}
	}
	return r
}
