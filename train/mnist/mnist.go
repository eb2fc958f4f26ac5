// Package mnist embeds the MNIST database of handwritten digits: 60,000 training and 10,000 test
// images of 28x28 pixels. data/README.md states the files' origin and license.
package mnist

import (
	"embed"
	"errors"
	"fmt"
	"sync"

	"convgraph/train/dataset"
)

//go:embed data/*.gz
var files embed.FS

// Load returns the training and the test set: images of shape (1,28,28) with intensities in [0, 1],
// and labels 0 to 9. The first call decodes the files; later calls share the result.
func Load() (train, test dataset.Dataset, err error) {
	sets, err := load()
	return sets.train, sets.test, err
}

type split struct{ train, test dataset.Dataset }

// load unpacks both sets at once: that is most of what a training does before its first step.
var load = sync.OnceValues(func() (sets split, err error) {
	var reading sync.WaitGroup
	var testErr error
	reading.Go(func() { sets.test, testErr = read("t10k") })
	sets.train, err = read("train")
	reading.Wait()
	return sets, errors.Join(err, testErr)
})

const digits = 10

func read(prefix string) (dataset.Dataset, error) {
	images, err := source(prefix + "-images-idx3-ubyte.gz")
	if err != nil {
		return nil, err
	}
	labels, err := source(prefix + "-labels-idx1-ubyte.gz")
	if err != nil {
		return nil, err
	}
	set, err := dataset.ReadIDX(images, labels, digits)
	if err != nil {
		return nil, fmt.Errorf("embedded MNIST: %w", err)
	}
	return set, nil
}

func source(name string) (dataset.Source, error) {
	file, err := files.Open("data/" + name)
	if err != nil {
		return dataset.Source{}, fmt.Errorf("embedded MNIST: %w", err)
	}
	return dataset.Source{Name: name, Reader: file}, nil
}
