package inspect

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"math"
	"net/http"
	"strconv"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/xmath"
	"convgraph/picture"
	"convgraph/web"
	"convgraph/web/internal/pictures"
)

// maxPicture is the most bytes of a picture; maxInk the longest side of a drawing.
const (
	maxPicture = web.DefaultMaxBody
	maxInk     = 512
)

// whole reads an integer from the URL's query.
func whole(r *http.Request, name string, least, most int) (int, error) {
	text := r.URL.Query().Get(name)
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest("%s: got %.20q, want a whole number from %d to %d", name, text, least, most)
	}
	return n, nil
}

// body reads a request's body up to a limit.
func body(w http.ResponseWriter, r *http.Request, most int) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(most)))
	if err != nil && r.Context().Err() == nil {
		return nil, bodyError(err, most)
	}
	return data, err
}

func bodyError(err error, most int) error {
	if _, tooLarge := err.(*http.MaxBytesError); tooLarge {
		return &requestError{http.StatusRequestEntityTooLarge,
			"the body is larger than " + strconv.Itoa(most) + " bytes"}
	}
	return badRequest("the body can't be read: %v", err)
}

// A message is a request's body in one of three forms:
//
//	values   the network's input itself: C·H·W little-endian float32
//	ink      a square drawing, a byte a pixel, from 0 (paper) to 255 (ink)
//	picture  a picture file
type message struct {
	form string
	data []byte
}

// receive reads a message. A slow client takes long here, so no lock or slot is held.
func (p *Page) receive(w http.ResponseWriter, r *http.Request, form string) (message, error) {
	most := map[string]int{"values": 4 * p.spec().Input.TotalSize(), "ink": maxInk * maxInk,
		"picture": maxPicture}[form]
	if most == 0 {
		return message{}, badRequest("form: got %.20q, want values, ink or picture", form)
	}
	data, err := body(w, r, most)
	return message{form, data}, err
}

// input converts a message into the network's input, after waiting for memory in the lane of its
// size.
func (p *Page) input(ctx context.Context, m message) ([]float32, error) {
	if m.form == "values" {
		return values(p.spec(), m.data)
	}
	size, err := m.size()
	if err != nil {
		return nil, err
	}
	release, err := p.pictures.Acquire(ctx, size)
	if err != nil {
		return nil, err
	}
	defer release()
	if m.form == "ink" {
		return drawing(p.spec(), m.data, size.X)
	}
	img, err := picture.DecodeContext(ctx, m.data)
	if err != nil {
		return nil, badRequest("picture: %v", err)
	}
	return prepared(classify.Preprocessing(p.spec()), p.spec(), img)
}

// size returns the size of a drawing or a picture in pixels.
func (m message) size() (image.Point, error) {
	if m.form == "ink" {
		side := int(math.Sqrt(float64(len(m.data))))
		if side < 1 || side*side != len(m.data) {
			return image.Point{},
				badRequest("the drawing: got %d bytes, want a square of at most %d×%d, a byte a pixel", len(m.data),
					maxInk, maxInk)
		}
		return image.Pt(side, side), nil
	}
	size, err := picture.Size(m.data)
	switch {
	case err != nil:
		return size, badRequest("picture: %v", err)
	case size.X*size.Y > pictures.MostPixels:
		return size, &requestError{http.StatusRequestEntityTooLarge,
			fmt.Sprintf("got %d×%d pixels, want at most %d", size.X, size.Y, pictures.MostPixels)}
	}
	return size, nil
}

func (p *Page) spec() *graph.Spec { return p.snapshots[0].Model.Spec() }

// values decodes the form "values".
func values(spec *graph.Spec, data []byte) ([]float32, error) {
	n := spec.Input.TotalSize()
	if len(data) != 4*n {
		return nil, badRequest("the body: got %d bytes, want %d, a little-endian float32 for each value of %v",
			len(data), 4*n, spec.Input)
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		if v := float64(x[i]); !xmath.IsFinite(v) {
			return nil, badRequest("value %d: got %v, want finite numbers", i, x[i])
		}
	}
	return x, nil
}

// drawing prepares a square of ink. A blank drawing gives an input of zeros.
func drawing(spec *graph.Spec, ink []byte, side int) ([]float32, error) {
	img := &image.Gray{Pix: ink, Stride: side, Rect: image.Rect(0, 0, side, side)}
	if !drawnOn(ink) {
		return make([]float32, spec.Input.TotalSize()), nil
	}
	preprocess := classify.Preprocessing(spec)
	if preprocess.Digit != picture.NoInk {
		preprocess.Digit = picture.Light
	}
	return prepared(preprocess, spec, img)
}

// drawnOn reports whether a drawing has a pixel that counts as ink.
func drawnOn(ink []byte) bool {
	for _, v := range ink {
		if v >= 32 {
			return true
		}
	}
	return false
}

func prepared(preprocess picture.Preprocessing, spec *graph.Spec, img image.Image) ([]float32, error) {
	s, err := preprocess.Apply(img, spec.Input)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	return s.Pixels, nil
}
