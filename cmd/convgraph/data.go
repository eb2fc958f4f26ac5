package main

import (
	"path/filepath"

	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// isParameterFile says whether a name is that of a parameter file.
func isParameterFile(name string) bool { return filepath.Ext(name) == ".safetensors" }

// openData is the data of a folder of IDX files, or the embedded MNIST if there is none.
func openData(dir string) (train, test dataset.Dataset, err error) {
	if dir == "" {
		return mnist.Load()
	}
	return dataset.OpenIDX(dir)
}
