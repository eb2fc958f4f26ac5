package training

import (
	"fmt"
	"io"

	"convgraph/train/dataset"
)

// IDXFlags says how IDX files are read.
type IDXFlags struct {
	AsStored bool `help:"Leave the images of EMNIST's IDX files as they are stored, transposed, instead of turning them upright."`
}

// Open reads the IDX files of -data, and says in notes if it turns their images.
func (f IDXFlags) Open(dir string, notes io.Writer) (train, test dataset.Dataset, err error) {
	files, err := dataset.FindIDX(dir)
	if err != nil {
		return nil, nil, err
	}
	if f.AsStored {
		files.Transpose = false
	}
	if files.Transpose {
		fmt.Fprintf(notes, "%s: EMNIST stores images transposed: they are turned upright; -as-stored leaves them\n", files.Name)
	}
	return files.Open()
}
