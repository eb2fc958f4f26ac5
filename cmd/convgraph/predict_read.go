package main

import (
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"gorgonia.org/tensor"

	"convgraph/picture"
	"convgraph/pretrained"
)

const squeezeNet = pretrained.SqueezeNetName

// isPicture reports whether a path is a picture or a folder, by its extension or its first bytes.
func isPicture(name string) bool {
	if name == squeezeNet {
		return false
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return true
	}
	if picture.HasExtension(name) {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head) // a shorter file is fine
	return strings.HasPrefix(http.DetectContentType(head[:n]), "image/")
}

// picturePaths returns the given files, and the pictures in the given folders and their subfolders,
// in the order of their names. It skips hidden files and folders.
func picturePaths(given []string) (paths []string, err error) {
	for _, name := range given {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() { // reading reports a missing file
			paths = append(paths, name)
			continue
		}
		inside, err := picturesIn(name)
		if err != nil {
			return nil, err
		}
		if len(inside) == 0 {
			return nil, fmt.Errorf("%s holds no pictures: want files that end as those of %s do", name, picture.Formats)
		}
		paths = append(paths, inside...)
	}
	return paths, nil
}

func picturesIn(folder string) (paths []string, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		hidden := path != folder && strings.HasPrefix(entry.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case !hidden && !entry.IsDir() && picture.HasExtension(path):
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}

// samples are prepared pictures, one after another, and the errors of those that couldn't be read.
type samples struct {
	paths  []string
	inks   []picture.Ink
	pixels []float32
	bad    []error
}

// The size of a part, in values and in pictures.
const (
	maxSampleValues  = 8 << 20
	maxSamplesAtOnce = 64
)

// readSamples prepares the pictures in order, on all processors, and one part ahead of the
// consumer.
func readSamples(paths []string, preprocess picture.Preprocessing, input tensor.Shape) iter.Seq[samples] {
	size := min(max(1, maxSampleValues/input.TotalSize()), maxSamplesAtOnce)
	return func(yield func(samples) bool) {
		parts, gone := make(chan samples), make(chan struct{})
		defer close(gone)
		go func() {
			defer close(parts)
			for first := 0; first < len(paths); first += size {
				part := readPart(paths[first:min(first+size, len(paths))], preprocess, input)
				select {
				case parts <- part:
				case <-gone:
					return
				}
			}
		}()
		for part := range parts {
			if !yield(part) {
				return
			}
		}
	}
}

// readPart prepares some pictures in parallel.
func readPart(paths []string, preprocess picture.Preprocessing, input tensor.Shape) samples {
	read, errs := make([]*picture.Sample, len(paths)), make([]error, len(paths))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		workers.Go(func() {
			for i := range next {
				read[i], errs[i] = preprocess.Read(paths[i], input)
			}
		})
	}
	for i := range paths {
		next <- i
	}
	close(next)
	workers.Wait()
	s := samples{pixels: make([]float32, 0, len(paths)*input.TotalSize())}
	for i, sample := range read {
		if errs[i] != nil {
			s.bad = append(s.bad, errs[i])
			continue
		}
		s.paths, s.inks = append(s.paths, paths[i]), append(s.inks, sample.Ink)
		s.pixels = append(s.pixels, sample.Pixels...)
	}
	return s
}
