package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"convgraph/classify"
	"convgraph/cmd/internal/training"
	"convgraph/graph"
	"convgraph/pretrained"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// isParameterFile reports whether a file holds parameters, by its extension or its first bytes: the
// length of a header, then JSON. A spec is JSON from the first byte.
func isParameterFile(name string) bool {
	if filepath.Ext(name) == ".safetensors" {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [9]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && head[8] == '{' && binary.LittleEndian.Uint64(head[:8]) < uint64(info.Size())
}

// loadFinite reads a model. A parameter that is NaN or infinite is an error.
func loadFinite(path string) (*graph.Model, error) {
	m, err := pretrained.Load(path)
	if err != nil {
		return nil, err
	}
	if err := m.CheckFinite(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// pngFile is the path of a picture to write.
type pngFile string

// Validate refuses other extensions than .png.
func (f pngFile) Validate() error {
	if !strings.EqualFold(filepath.Ext(string(f)), ".png") {
		return fmt.Errorf("%q: want a name that ends in .png", string(f))
	}
	return nil
}

// openData opens a folder of IDX files, or the embedded MNIST for an empty path.
func openData(dir string, flags training.IDXFlags) (train, test dataset.Dataset, err error) {
	if dir == "" {
		return mnist.Load()
	}
	return flags.Open(dir, os.Stderr)
}

// evaluated holds the flags that select the images to measure a model on.
type evaluated struct {
	Data  string `type:"given" want:"a folder or files" help:"Data in any form that convgraph train -data takes: IDX files, class folders of pictures, Parquet or tar files, or a list of paths and labels (default: the embedded MNIST)." placeholder:"PATH"`
	Train bool   `help:"Use the training images, not the test images."`
	Seed  uint64 `default:"1" help:"The training's -seed. It selects the test images if the data has no test part."`

	training.IDXFlags
	LabelColumn string `help:"Label column of Parquet files and lists (default: the declared one, or label)." placeholder:"NAME"`
	AnyPath     bool   `help:"Let a list name files outside its folder."`

	Strict bool `help:"Fail if an image can't be read or a file in a class folder isn't an image, instead of skipping it."`
}

// evaluationSet is an opened set of images.
type evaluationSet struct {
	dataset.Dataset
	name     string              // of its images, for titles
	pictures *dataset.Pictures   // nil for IDX files, which hold no pictures that can be corrupt
	all      []*dataset.Pictures // training and test pictures
}

// load reads a model and opens the images to evaluate it on.
func (e *evaluated) load(params string) (*graph.Model, *evaluationSet, error) {
	m, err := loadFinite(params)
	if err != nil {
		return nil, nil, err
	}
	set, err := e.open(m)
	return m, set, err
}

func (e *evaluated) open(m *graph.Model) (*evaluationSet, error) {
	open := e.openIDX
	if e.Data != "" && !dataset.HasIDX(e.Data) {
		open = func() (*evaluationSet, error) { return e.openPictures(m.Spec()) }
	}
	set, err := open()
	if err != nil {
		return nil, err
	}
	if set.Classes() > m.Classes() {
		fmt.Fprintf(os.Stderr, "the images have %d classes, model %q has %d: images of the others count as wrong\n",
			set.Classes(), m.Spec().Name, m.Classes())
	}
	set.name = "test images"
	if e.Train {
		set.name = "training images"
	}
	return set, nil
}

func (e *evaluated) openIDX() (*evaluationSet, error) {
	training, test, err := openData(e.Data, e.IDXFlags)
	if err != nil {
		return nil, err
	}
	if e.Train {
		return &evaluationSet{Dataset: training}, nil
	}
	return &evaluationSet{Dataset: test}, nil
}

// openPictures opens pictures, prepared as the training prepares them for its accuracy.
func (e *evaluated) openPictures(spec *graph.Spec) (*evaluationSet, error) {
	if err := classify.TakesPictures(spec); err != nil {
		return nil, err
	}
	training, test, err := dataset.Open(e.Data, dataset.PictureOptions{
		Shape: spec.Input, Preprocess: classify.FolderPreprocessing(spec), Seed: e.Seed, Strict: e.Strict,
		AnyPath: e.AnyPath, LabelColumn: e.LabelColumn})
	if err != nil {
		return nil, fmt.Errorf("-data: %w", err)
	}
	if names := training.ClassNames(); len(spec.ClassNames) > 0 && !dataset.SameClasses(spec.ClassNames, names) {
		return nil, fmt.Errorf("model %q knows the classes %q, those of %s are %q: want the same", spec.Name,
			spec.ClassNames, e.Data, names)
	}
	pictures := test
	if e.Train {
		pictures = training
	}
	return &evaluationSet{Dataset: pictures, pictures: pictures, all: []*dataset.Pictures{training, test}}, nil
}

// reportCorrupt lists the files that aren't part of the set and the images that couldn't be read.
func (s *evaluationSet) reportCorrupt(w io.Writer) {
	for _, line := range dataset.LeftOutLines(s.all...) {
		fmt.Fprintln(w, line)
	}
	if s.pictures == nil {
		return
	}
	for _, d := range s.pictures.CorruptImages() {
		fmt.Fprintf(w, "left out: %v\n", d)
	}
}
