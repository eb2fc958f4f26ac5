package syscalls

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Disk records what a program does to a folder, and builds what a power cut leaves of it.
//
// A file's bytes survive if the file was synced after they were written. A name, of a file or of a
// folder, survives if its folder was synced after it was made, and so does a name's removal.
// Whether later changes survive is up to the file system, so there are two ends to a power cut: the
// least that it may leave, and all names with none of the later bytes.
type Disk struct {
	root    string
	names   map[string]*inode // as the program sees them now
	changes []change
	syncs   map[*inode][]int // the calls that synced a folder
	calls   int
	err     error
}

// inode is a file or a folder.
type inode struct {
	folder bool
	writes []int
	synced []version
}

// version is a file's contents when a call had synced them.
type version struct {
	call    int
	content []byte
}

// change sets names of one folder, at once.
type change struct {
	call   int
	folder *inode
	set    map[string]*inode // by path; nil removes
}

// NewDisk begins with what is in the folder, all of it synced.
func NewDisk(folder string) (*Disk, error) {
	d := &Disk{root: folder, names: map[string]*inode{}, syncs: map[*inode][]int{}}
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i := &inode{folder: e.IsDir()}
		if !i.folder {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			i.synced = []version{{content: content}}
		}
		d.set(0, path, i)
		return nil
	})
	for _, i := range d.names {
		d.syncs[i] = []int{0}
	}
	return d, err
}

// Calls is how many calls were recorded.
func (d *Disk) Calls() int { return d.calls }

// Record takes up a call that succeeded: it is a Watcher's After.
func (d *Disk) Record(c Call) {
	d.calls++
	n, i := d.calls, d.names[c.Path]
	switch c.Name {
	case "mkdirat":
		d.set(n, c.Path, &inode{folder: true})
	case "openat":
		if i == nil {
			d.set(n, c.Path, &inode{})
		}
	case "write", "pwrite", "ftruncate":
		i.writes = append(i.writes, n)
	case "unlinkat":
		d.set(n, c.Path, nil)
	case "renameat":
		if filepath.Dir(c.Path) != filepath.Dir(c.To) {
			d.fail(fmt.Errorf("%v: from one folder to another", c))
			return
		}
		d.set(n, c.To, i)
		d.changes[len(d.changes)-1].set[c.Path] = nil
		delete(d.names, c.Path)
	case "fsync":
		d.sync(n, i, c)
	}
}

func (d *Disk) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// set gives a name to a file or folder, or removes the name.
func (d *Disk) set(call int, path string, i *inode) {
	folder := d.names[filepath.Dir(path)]
	d.changes = append(d.changes, change{call, folder, map[string]*inode{path: i}})
	if i == nil {
		delete(d.names, path)
	} else {
		d.names[path] = i
	}
}

func (d *Disk) sync(call int, i *inode, c Call) {
	if i.folder {
		d.syncs[i] = append(d.syncs[i], call)
		return
	}
	content, err := c.Content()
	if err != nil {
		d.fail(err)
	}
	i.synced = append(i.synced, version{call, content})
}

// Cut is what a power cut after that many calls leaves, by path within the folder: the contents of
// files, and "/" for folders. With allNames every name is there that the program saw, and files
// that were written after they were synced are empty. Without, there is only what is certain.
func (d *Disk) Cut(calls int, allNames bool) (map[string]string, error) {
	names := map[string]*inode{}
	for _, c := range d.changes {
		if c.call > calls || !allNames && c.call > lastBy(d.syncs[c.folder], calls) {
			continue
		}
		maps.Copy(names, c.set)
	}
	left := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		i, name := names[path], strings.TrimPrefix(path, d.root+"/")
		_, inFolder := left[filepath.Dir(name)]
		switch {
		case i == nil || path == d.root || filepath.Dir(name) != "." && !inFolder:
		case i.folder:
			left[name] = "/"
		default:
			left[name] = i.left(calls, allNames)
		}
	}
	return left, d.err
}

// left are the bytes of a file.
func (i *inode) left(calls int, allNames bool) string {
	var synced version
	for _, v := range i.synced {
		if v.call <= calls {
			synced = v
		}
	}
	if allNames && lastBy(i.writes, calls) > synced.call {
		return ""
	}
	return string(synced.content)
}

// lastBy is the last of the calls up to a given one; -1 without one.
func lastBy(calls []int, end int) int {
	last := -1
	for _, c := range calls {
		if c <= end {
			last = c
		}
	}
	return last
}
