// Command makedefault makes the built-in network of web/inspect: snapshots of a training in half
// precision, and a sheet of ten test images. See web/inspect/default/README.md.
//
//	go run ./web/inspect/internal/makedefault -run DIR -o web/inspect
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/nlpodyssey/safetensors"
	"github.com/x448/float16"

	"convgraph/formats"
	formatsafetensors "convgraph/formats/safetensors"
	"convgraph/internal/file"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
	"convgraph/viz"
)

// epochs are the kept snapshots, denser at the start, where most changes happen.
var epochs = []int{0, 1, 2, 4, 7, 10}

func main() {
	run := flag.String("run", "", "folder of a training with -keep-epochs")
	out := flag.String("o", "web/inspect", "folder of package inspect")
	flag.Parse()
	if err := errors.Join(writeSnapshots(*run, *out), writeSamples(*out)); err != nil {
		fmt.Fprintln(os.Stderr, "makedefault:", err)
		os.Exit(1)
	}
}

func writeSnapshots(run, out string) error {
	for _, epoch := range epochs {
		name := fmt.Sprintf("epoch-%03d.safetensors", epoch)
		arrays, metadata, err := formatsafetensors.ReadFile(filepath.Join(run, "epochs", name))
		if err != nil {
			return err
		}
		if err := writeHalves(filepath.Join(out, "default", name), arrays, metadata); err != nil {
			return err
		}
	}
	return nil
}

func writeHalves(path string, arrays []formats.Array, metadata map[string]string) error {
	halves := map[string]half{}
	for _, a := range arrays {
		h := half{}
		for _, n := range a.Value.Shape() {
			h.shape = append(h.shape, uint64(n))
		}
		for _, v := range a.Value.Float32s() {
			f := float16.Fromfloat32(v)
			if f.IsInf(0) || math.IsNaN(float64(v)) {
				return fmt.Errorf("%s: %s has %g, which half precision doesn't", path, a.Name, v)
			}
			h.data = binary.LittleEndian.AppendUint16(h.data, f.Bits())
		}
		halves[a.Name] = h
	}
	return file.Write(path, func(w io.Writer) error { return safetensors.SerializeToWriter(halves, metadata, w) })
}

// half writes an array as float16.
type half struct {
	shape []uint64
	data  []byte
}

func (half) DType() safetensors.DType { return safetensors.F16 }
func (h half) Shape() []uint64        { return h.shape }
func (h half) DataLen() uint64        { return uint64(len(h.data)) }
func (h half) Data() []byte           { return h.data }

// writeSamples draws the first test image of each digit side by side.
func writeSamples(out string) error {
	_, test, err := mnist.Load()
	if err != nil {
		return err
	}
	var sheet sheet
	for label := range test.Classes() {
		if err := sheet.add(test, label); err != nil {
			return err
		}
	}
	return viz.WritePNG(filepath.Join(out, "assets", "samples.png"), &sheet)
}

// sheet is a row of images.
type sheet struct{ images [][]float32 }

func (s *sheet) add(test dataset.Dataset, label int) error {
	pixels := make([]float32, test.Shape().TotalSize())
	for i := range test.Len() {
		found, err := test.Sample(i, pixels)
		if err != nil {
			return err
		}
		if found == label {
			s.images = append(s.images, slices.Clone(pixels))
			return nil
		}
	}
	return fmt.Errorf("no test image of a %d", label)
}

// Image draws the row.
func (s *sheet) Image() (image.Image, error) {
	const side = 28
	img := image.NewGray(image.Rect(0, 0, side*len(s.images), side))
	for n, pixels := range s.images {
		for i, v := range pixels {
			img.SetGray(n*side+i%side, i/side, color.Gray{Y: uint8(math.Round(255 * float64(v)))})
		}
	}
	return img, nil
}
