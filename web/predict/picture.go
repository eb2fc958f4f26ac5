package predict

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
)

// formField is the name of the form field that holds a picture.
const formField = "image"

// readForm reads the pictures of a form in order.
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
			return refusef(http.StatusUnprocessableEntity, "form field %q: want %q only, a picture file", name,
				formField)
		}
		if most := q.engine.limits.batch; q.count() == most {
			return refusef(http.StatusUnprocessableEntity,
				"the form has more than %d pictures, the most that a request may have", most)
		}
		if err := s.readPicture(ctx, q, part, part.FileName(), ink); err != nil {
			return err
		}
	}
	if q.count() == 0 {
		return refusef(http.StatusUnprocessableEntity, "the form has no field %q: want at least one, a picture file",
			formField)
	}
	q.list = q.count() > 1
	return nil
}

// readPicture reads one picture. Errors name it.
func (s *Service) readPicture(ctx context.Context, q *request, body io.Reader, name string, ink picture.Ink) error {
	q.picture.Reset()
	if _, err := q.picture.ReadFrom(body); err != nil {
		return err
	}
	sampled, err := s.prepare(ctx, q.spec, q.picture.Bytes(), ink)
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

// prepare decodes and preprocesses a picture for the model, after waiting for memory in the lane of
// its size.
func (s *Service) prepare(ctx context.Context, spec *graph.Spec, data []byte, ink picture.Ink) (*picture.Sample,
	error) {
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
		return nil, refusef(http.StatusRequestEntityTooLarge, "got %d×%d pixels, want at most %d", size.X, size.Y,
			s.options.maxPixels)
	}
	release, err := s.pictures.Acquire(ctx, size)
	if err != nil {
		return nil, err
	}
	defer release()
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
