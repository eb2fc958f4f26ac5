package inspect

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/file"
	"convgraph/picture"
)

// samplesFile is a sheet of sample pictures that trainmnist leaves beside a network's parameters.
const samplesFile = "samples.png"

// mostSamples bounds the sample pictures of a sheet.
const mostSamples = 64

// photographs are for networks without sample pictures of their own. The folder's README names
// their authors.
//
//go:embed photographs/*.jpg
var photographs embed.FS

// OpenSamples reads the sample pictures that a training left beside its parameters: samples.png,
// pictures side by side, each in the size of the network's input. It returns nil if there are none.
func OpenSamples(paramsPath string) ([]byte, error) {
	sheet, err := file.Read(filepath.Join(filepath.Dir(paramsPath), samplesFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return sheet, err
}

// samplesOf returns the sheet of sample pictures for a network, and how many it has. Without a
// sheet of its own a network of digits gets MNIST's, one of each digit, and any other network that
// takes pictures gets photographs.
func samplesOf(spec *graph.Spec, own []byte) (sheet []byte, count int, err error) {
	preprocess := classify.Preprocessing(spec)
	switch {
	case classify.TakesPictures(spec) != nil:
		return nil, 0, nil
	case own != nil:
		count, err = countSamples(spec, own)
		return own, count, err
	case preprocess.Digit != picture.NoInk:
		sheet, err = assets.ReadFile("assets/" + samplesFile)
	default:
		sheet, err = photographSheet(spec, preprocess)
	}
	if err != nil {
		return nil, 0, err
	}
	count, err = countSamples(spec, sheet)
	return sheet, count, err
}

func countSamples(spec *graph.Spec, sheet []byte) (int, error) {
	size, err := png.DecodeConfig(bytes.NewReader(sheet))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", samplesFile, err)
	}
	height, width := spec.Input[1], spec.Input[2]
	if n := size.Width / width; size.Height == height && size.Width%width == 0 && n >= 1 && n <= mostSamples {
		return n, nil
	}
	return 0, fmt.Errorf("%s: got %d×%d pixels, want 1 to %d pictures of %d×%d side by side",
		samplesFile, size.Width, size.Height, mostSamples, width, height)
}

func photographSheet(spec *graph.Spec, preprocess picture.Preprocessing) ([]byte, error) {
	names, err := fs.Glob(photographs, "photographs/*.jpg")
	if err != nil {
		return nil, err
	}
	var inputs [][]float32
	for _, name := range names {
		data, err := photographs.ReadFile(name)
		if err != nil {
			return nil, err
		}
		img, err := picture.Decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s, err := preprocess.Apply(img, spec.Input)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		inputs = append(inputs, s.Pixels)
	}
	var sheet bytes.Buffer
	err = png.Encode(&sheet, classify.Sheet(spec, inputs))
	return sheet.Bytes(), err
}

// Samples returns the sheet of the sample pictures, a PNG, or nil if the network takes no pictures.
func (p *Page) Samples() []byte { return p.samples }

func (p *Page) serveSamples(w http.ResponseWriter, _ *http.Request) error {
	if p.samples == nil {
		return &requestError{http.StatusNotFound, p.network.Pictures}
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(p.samples) // a client that left needs no answer
	return nil
}
