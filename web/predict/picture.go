package predict

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"convgraph/classify"
	"convgraph/picture"
)

// formField is the name of a form's field that holds a picture.
const formField = "image"

// readForm takes up the pictures of a form, in their order.
func (s *Service) readForm(ctx context.Context, q *request, body io.Reader, boundary string, ink picture.Ink) error {
	if boundary == "" {
		return refusef(http.StatusBadRequest, "Content-Type is multipart/form-data without a boundary")
	}
	form := multipart.NewReader(body, boundary)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if name := part.FormName(); name != formField {
			return refusef(http.StatusUnprocessableEntity, "form field %q: want %q only, a picture file", name, formField)
		}
		if q.count() == s.options.MaxBatch {
			return refusef(http.StatusUnprocessableEntity, "the form has more than %d pictures: want at most so many a request", s.options.MaxBatch)
		}
		if err := s.readPicture(ctx, q, part, part.FileName(), ink); err != nil {
			return err
		}
	}
	if q.count() == 0 {
		return refusef(http.StatusUnprocessableEntity, "the form has no field %q: want at least one, a picture file", formField)
	}
	q.list = q.count() > 1
	return nil
}

// readPicture takes up one picture. Errors name it.
func (s *Service) readPicture(ctx context.Context, q *request, body io.Reader, name string, ink picture.Ink) error {
	q.picture.Reset()
	if _, err := q.picture.ReadFrom(body); err != nil {
		return err
	}
	sampled, err := s.prepare(ctx, q.picture.Bytes(), ink)
	if err != nil {
		return inPicture(name, err)
	}
	q.images = append(q.images, sampled.Pixels...)
	q.samples = append(q.samples, sample{name: name, ink: sampled.Ink})
	return nil
}

func inPicture(name string, err error) error {
	if name == "" {
		name = "the picture"
	}
	var known refusal
	if errors.As(err, &known) {
		return refusef(known.status, "%s: %w", name, known.err)
	}
	return err
}

// prepare makes what the model takes of a picture's bytes. It waits until the pictures under way leave memory for this one.
func (s *Service) prepare(ctx context.Context, data []byte, ink picture.Ink) (*picture.Sample, error) {
	spec := s.model.Spec()
	if err := classify.TakesPictures(spec); err != nil {
		return nil, refusal{http.StatusUnprocessableEntity, err}
	}
	preprocess, err := classify.WithInk(classify.Preprocessing(spec), ink)
	if err != nil {
		return nil, refusal{http.StatusUnprocessableEntity, err}
	}
	size, err := picture.Size(data)
	if err != nil {
		return nil, refusal{http.StatusBadRequest, err}
	}
	if size.X*size.Y > s.options.maxPixels {
		return nil, refusef(http.StatusRequestEntityTooLarge, "%d×%d pixels: want at most %d", size.X, size.Y, s.options.maxPixels)
	}
	memory := memoryOf(size.X * size.Y)
	if err := s.pictures.Acquire(ctx, memory); err != nil {
		return nil, err
	}
	defer s.pictures.Release(memory)
	img, err := picture.DecodeContext(ctx, data)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, refusal{http.StatusBadRequest, err}
	}
	sampled, err := preprocess.Apply(img, spec.Input)
	if err != nil {
		return nil, refusal{http.StatusUnprocessableEntity, err}
	}
	return sampled, nil
}

// memoryOf is what a picture takes while it is decoded, up to 8 bytes a pixel, turned upright, 4 more, and prepared, up to 100 a pixel of the
// 2^20 that a digit's is reduced to.
func memoryOf(pixels int) int64 { return 12*int64(pixels) + 100*int64(min(pixels, 1<<20)) }
