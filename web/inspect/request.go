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

// maxPicture bounds the bytes of a picture that is sent; maxInk the side of a drawing.
const (
	maxPicture = web.DefaultMaxBody
	maxInk     = 512
)

// whole reads a whole number from the URL.
func whole(r *http.Request, name string, least, most int) (int, error) {
	text := r.URL.Query().Get(name)
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest("%s is %.20q: want a whole number from %d to %d", name, text, least, most)
	}
	return n, nil
}

// body reads what a request sends, or stops early at what is too much.
func body(w http.ResponseWriter, r *http.Request, most int) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(most)))
	if err != nil && r.Context().Err() == nil {
		return nil, bodyError(err, most)
	}
	return data, err
}

func bodyError(err error, most int) error {
	if _, tooLarge := err.(*http.MaxBytesError); tooLarge {
		return &requestError{http.StatusRequestEntityTooLarge, "the body is larger than " + strconv.Itoa(most) + " bytes"}
	}
	return badRequest("the body can't be read: %v", err)
}

// A message is what a request sends; its form says which of three things that is:
//
//	values   the network's input itself: C·H·W little-endian float32
//	ink      a square drawing, a byte a pixel, from 0 (paper) to 255 (ink)
//	picture  a picture file
type message struct {
	form string
	data []byte
}

// receive reads a message. It takes as long as the reader's line does, so nobody waits for it.
func (p *Page) receive(w http.ResponseWriter, r *http.Request, form string) (message, error) {
	most := map[string]int{"values": 4 * p.spec().Input.TotalSize(), "ink": maxInk * maxInk, "picture": maxPicture}[form]
	if most == 0 {
		return message{}, badRequest("form is %.20q: want values, ink or picture", form)
	}
	data, err := body(w, r, most)
	return message{form, data}, err
}

// input makes the values that the network takes of a message. It waits until pictures of about the
// same size leave memory for this one.
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

// size is that of a drawing or a picture, in pixels.
func (m message) size() (image.Point, error) {
	if m.form == "ink" {
		side := int(math.Sqrt(float64(len(m.data))))
		if side < 1 || side*side != len(m.data) {
			return image.Point{}, badRequest("the drawing has %d bytes: want a square of at most %d×%d, a byte a pixel", len(m.data), maxInk, maxInk)
		}
		return image.Pt(side, side), nil
	}
	size, err := picture.Size(m.data)
	switch {
	case err != nil:
		return size, badRequest("picture: %v", err)
	case size.X*size.Y > pictures.MostPixels:
		return size, &requestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("%d×%d pixels: want at most %d", size.X, size.Y, pictures.MostPixels)}
	}
	return size, nil
}

func (p *Page) spec() *graph.Spec { return p.snapshots[0].Model.Spec() }

// values are the values themselves.
func values(spec *graph.Spec, data []byte) ([]float32, error) {
	n := spec.Input.TotalSize()
	if len(data) != 4*n {
		return nil, badRequest("the body has %d bytes: want %d, a little-endian float32 for each value of %v", len(data), 4*n, spec.Input)
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		if v := float64(x[i]); !xmath.IsFinite(v) {
			return nil, badRequest("value %d is %v: want finite numbers", i, x[i])
		}
	}
	return x, nil
}

// drawing makes an input of a square of ink. A blank one is a blank input.
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

// drawnOn says whether there is anything that would take for ink.
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
