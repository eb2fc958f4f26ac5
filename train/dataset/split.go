package dataset

import (
	"path/filepath"
	"slices"
	"strings"
)

// split is the part of the data that a file or a row belongs to.
type split int

const (
	noSplit split = iota
	trainSplit
	validationSplit
	testSplit
)

var splitNames = map[string]split{
	"train": trainSplit, "training": trainSplit,
	"val": validationSplit, "valid": validationSplit, "validation": validationSplit, "dev": validationSplit,
	"test": testSplit, "testing": testSplit,
}

// splitCalled returns the split of a name. known is false for other names.
func splitCalled(name string) (s split, known bool) {
	s, known = splitNames[strings.ToLower(strings.TrimSpace(name))]
	return s, known
}

// splitOf returns the split that a path within the data names, by a folder or by the first word of
// the file's name: data/train-00000-of-00002.parquet, test/0.tar.
func splitOf(path string) split {
	for _, part := range strings.Split(filepath.ToSlash(path), "/") {
		end := strings.IndexFunc(part, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
		if end < 0 {
			end = len(part)
		}
		if s, known := splitCalled(part[:end]); known {
			return s
		}
	}
	return noSplit
}

// divideBySplit sorts the samples by their splits. Those without a name are for training. Test
// samples are those of test, or else of validation; the other's are left out.
func divideBySplit(splits []split) (train, test []int, beside int) {
	held := validationSplit
	if slices.Contains(splits, testSplit) {
		held = testSplit
	}
	for i, s := range splits {
		switch s {
		case noSplit, trainSplit:
			train = append(train, i)
		case held:
			test = append(test, i)
		default:
			beside++
		}
	}
	return train, test, beside
}
