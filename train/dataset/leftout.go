package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"convgraph/picture"
)

// LeftOut describes things of one kind in a folder of images that aren't part of the set.
type LeftOut struct {
	Folder string   // where they lie
	Kind   string   // what they are, in the plural
	Count  int      // how many
	Names  []string // of the first few, if they have any
	// Expected is true of system files, and of folders beside a training and a test set.
	Expected bool
}

// The kinds.
const (
	systemFiles     = "hidden or system files"
	emptyClasses    = "class folders without a picture"
	nestedFolders   = "folders within a class folder"
	otherFiles      = "files that aren't named as a picture of a known format"
	looseImages     = "pictures outside of the class folders"
	danglingLinks   = "links to nothing and special files"
	besidesTheSplit = "folders beside the training and the test set"
	besideTheParts  = "validation pictures beside the training and the test set"
)

// shownNames bounds the names that are kept.
const shownNames = 3

// String formats the things as "data/cat: 3 folders within a class folder: a, b, c".
func (l LeftOut) String() string {
	return l.Folder + ": " + l.what()
}

func (l LeftOut) what() string {
	what := fmt.Sprintf("%d %s", l.Count, l.Kind)
	if len(l.Names) == 0 {
		return what
	}
	what += ": " + strings.Join(l.Names, ", ")
	if l.Count > len(l.Names) {
		what += ", …"
	}
	return what
}

// LeftOutLines returns lines for users: one for each folder and unexpected kind, up to twenty, and
// one for each expected kind.
func LeftOutLines(sets ...*Pictures) (lines []string) {
	const most = 20
	expected, more := map[string]LeftOut{}, 0
	for _, f := range sets {
		for _, l := range f.leftOut {
			switch {
			case l.Expected:
				all := expected[l.Kind]
				all.Kind, all.Count = l.Kind, all.Count+l.Count
				all.Names = append(all.Names, l.Names[:min(len(l.Names), shownNames-len(all.Names))]...)
				expected[l.Kind] = all
			case len(lines) == most:
				more += l.Count
			default:
				lines = append(lines, "left out: "+l.String())
			}
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("left out: %d more in other folders", more))
	}
	for _, kind := range slices.Sorted(maps.Keys(expected)) {
		lines = append(lines, "left out: "+expected[kind].what())
	}
	return lines
}

// leftOuts collects what is left out, in the order found. A nil leftOuts collects nothing.
type leftOuts struct {
	list  []LeftOut
	index map[[2]string]int // by folder and kind
}

func (l *leftOuts) add(folder, kind, name string) {
	if l == nil {
		return
	}
	if l.index == nil {
		l.index = map[[2]string]int{}
	}
	i, found := l.index[[2]string{folder, kind}]
	if !found {
		i = len(l.list)
		l.index[[2]string{folder, kind}] = i
		l.list = append(l.list,
			LeftOut{Folder: folder, Kind: kind, Expected: kind == systemFiles || kind == besidesTheSplit})
	}
	o := &l.list[i]
	o.Count++
	if len(o.Names) < shownNames {
		o.Names = append(o.Names, printable(name))
	}
}

// addAll adds what is counted already.
func (l *leftOuts) addAll(o LeftOut) { l.list = append(l.list, o) }

// printable quotes a name that a terminal can't show.
func printable(name string) string {
	if quoted := fmt.Sprintf("%q", name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// refuse returns an error that names everything unexpected.
func refuse(all []LeftOut) error {
	var missed []string
	for _, o := range all {
		if !o.Expected {
			missed = append(missed, o.String())
		}
	}
	if missed == nil {
		return nil
	}
	return fmt.Errorf("want class folders of pictures only (%s), got %s", picture.Formats, strings.Join(missed, "; "))
}
