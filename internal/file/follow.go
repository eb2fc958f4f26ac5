package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// target is the end of a chain of symbolic links.
type target struct {
	path string
	// descriptor says that the chain goes through a process's open files, as /dev/stdout does on
	// Linux. The name found there may be another file's by now.
	descriptor bool
}

// mostLinks is the length of the longest chain that Linux follows.
const mostLinks = 40

// follow resolves the symbolic links that path ends in. Its target need not exist.
func follow(path string) (target, error) {
	end := target{path: path}
	for range mostLinks {
		info, err := os.Lstat(end.path)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			return end, nil // a missing file is created, and any other error comes back from there
		}
		link, err := os.Readlink(end.path)
		if err != nil {
			return target{}, err
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(end.path))
		if err != nil {
			return target{}, err
		}
		end.descriptor = end.descriptor || strings.HasPrefix(folder, "/proc/")
		if !filepath.IsAbs(link) {
			link = filepath.Join(folder, link)
		}
		end.path = link
	}
	return target{}, fmt.Errorf("more than %d symbolic links lead from one to the next", mostLinks)
}
