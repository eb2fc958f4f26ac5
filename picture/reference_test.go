package picture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/picture"
)

// decoded is a picture file with the pixels that Pillow reads, its orientation applied.
type decoded struct {
	File []byte
	Size [2]int
	RGB  []byte
}

// reference is the file that testdata/make_reference.py writes.
type reference struct {
	Formats       map[string]decoded
	Orientations  map[string]decoded
	Preprocessing struct {
		Pictures [][]byte
		Cases    []struct {
			Declared picture.Preprocessing
			Input    []int
			Picture  int
			Values   []byte // little-endian float32
		}
	}
}

func readReference(t testing.TB) (r reference) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "reference.json.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	d := json.NewDecoder(z)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	return r
}

func requirePixels(t *testing.T, want decoded, img image.Image, tolerance int) {
	t.Helper()
	require.Equal(t, image.Rect(0, 0, want.Size[0], want.Size[1]), img.Bounds())
	for i := range want.RGB {
		x, y := i/3%want.Size[0], i/3/want.Size[0]
		r, g, b, _ := img.At(x, y).RGBA()
		got := int([]uint32{r, g, b}[i%3] >> 8)
		if difference := got - int(want.RGB[i]); max(difference, -difference) > tolerance {
			t.Fatalf("channel %d at %d, %d: got %d, want %d", i%3, x, y, got, want.RGB[i])
		}
	}
}

// lossy is the largest difference between two decoders of a format; 0 for a format with exact
// pixels.
func lossy(name string) int {
	switch {
	case strings.Contains(strings.ToLower(name), "jp"):
		return 2
	case name == "lossy.webp":
		return 100 // Pillow's pixels are the original's: this only checks that it is the same picture
	}
	return 0
}

// Every format gives Pillow's pixels.
func TestFormats(t *testing.T) {
	for name, want := range readReference(t).Formats {
		t.Run(name, func(t *testing.T) {
			tolerance := lossy(name)
			if tolerance > 0 && tolerance < 8 {
				tolerance = 8 // the file is compared with the original picture
			}
			img, err := picture.Decode(want.File)
			require.NoError(t, err)
			requirePixels(t, want, img, tolerance)
			size, err := picture.Size(want.File)
			require.NoError(t, err)
			assert.Equal(t, img.Bounds().Size(), size)
		})
	}
}

// All eight orientations of every format that has them match Pillow's, pixel by pixel.
func TestOrientations(t *testing.T) {
	all := readReference(t).Orientations
	require.Len(t, all, 4*8)
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			img, err := picture.Decode(want.File)
			require.NoError(t, err)
			requirePixels(t, want, img, lossy(name))
		})
	}
}

// Scaling, cropping and normalizing give torchvision's values, to the bit.
func TestPreprocessingMatchesTorchvision(t *testing.T) {
	r := readReference(t).Preprocessing
	require.Len(t, r.Cases, 64)
	for _, c := range r.Cases {
		t.Run(fmt.Sprintf("%d %v %+v", c.Picture, c.Input, c.Declared), func(t *testing.T) {
			img, err := picture.Decode(r.Pictures[c.Picture])
			require.NoError(t, err)
			got, err := c.Declared.Apply(img, c.Input)
			require.NoError(t, err)
			want := make([]float32, len(c.Values)/4)
			require.NoError(t, binary.Read(bytes.NewReader(c.Values), binary.LittleEndian, want))
			require.Len(t, got.Pixels, len(want))
			for i := range want {
				if math.Float32bits(want[i]) != math.Float32bits(got.Pixels[i]) {
					t.Fatalf("value %d: got %v, want %v", i, got.Pixels[i], want[i])
				}
			}
		})
	}
}
