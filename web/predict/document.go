package predict

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// readDocument reads {"image": …} or {"images": […]}. An image is an array of numbers, row by row
// and channel by channel, either flat or nested as (height, width), for one channel, or (channels,
// height, width). "max" is the number that means full intensity: 1 (the default) or 255.
//
// Unknown keys and deeper nesting are errors, so the work is proportional to the body's length.
func (q *request) readDocument(body io.Reader, mostImages int) error {
	q.decoder.Reset(body)
	most := float32(1)
	given := ""
	if err := q.expect('{', "the document"); err != nil {
		return err
	}
	for q.decoder.PeekKind() == '"' {
		token, err := q.decoder.ReadToken()
		if err != nil {
			return syntax(err)
		}
		switch key := token.String(); key {
		case "image", "images":
			if given != "" {
				return refusef(http.StatusUnprocessableEntity, "the document has %q and %q: want one of them", given,
					key)
			}
			given = key
			err = q.readImages(key == "images", mostImages)
		case "max":
			most, err = q.readMax()
		default:
			err = refusef(http.StatusUnprocessableEntity,
				`the document has %.40q: want "image" or "images", and "max" if the numbers go to 255`, key)
		}
		if err != nil {
			return err
		}
	}
	if err := q.expect('}', "the document"); err != nil {
		return err
	}
	if _, err := q.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return refusef(http.StatusBadRequest, "byte %d: want nothing after the document", q.decoder.InputOffset())
	}
	if given == "" {
		return refusef(http.StatusUnprocessableEntity, `the document has no images: want "image" or "images"`)
	}
	return q.scale(most)
}

func (q *request) readMax() (float32, error) {
	if q.decoder.PeekKind() != '0' {
		return 0, q.unexpected("max", "1 or 255")
	}
	v, err := q.number()
	if err == nil && v != 1 && v != 255 {
		err = refusef(http.StatusUnprocessableEntity, `"max": got %g, want 1 or 255`, v)
	}
	return v, err
}

func (q *request) readImages(several bool, most int) error {
	if !several {
		return q.readImage()
	}
	q.list = true
	if err := q.expect('[', "images"); err != nil {
		return err
	}
	for q.decoder.PeekKind() != ']' {
		if q.count() == most {
			return refusef(http.StatusUnprocessableEntity, "images: got more than %[1]d, want at most %[1]d", most)
		}
		if err := q.readImage(); err != nil {
			return err
		}
	}
	if err := q.expect(']', "images"); err != nil {
		return err
	}
	if q.count() == 0 {
		return refusef(http.StatusUnprocessableEntity, "images: got none, want at least one")
	}
	return nil
}

// deepest is the most levels of nested arrays.
const deepest = 3

// nest is the reader's position in an image's nested arrays.
type nest struct {
	shape  []int        // lengths of the arrays, outermost first
	counts [deepest]int // elements begun in the open array of each level
	level  int          // of the innermost open array
}

func (n *nest) innermost() bool { return n.level == len(n.shape)-1 }

// readImage reads one image. Its opening brackets say how deeply it is nested.
func (q *request) readImage() error {
	q.samples = append(q.samples, sample{})
	n, err := q.open()
	for err == nil && n.level >= 0 {
		err = q.readElement(n)
	}
	return err
}

// open reads an image's opening brackets.
func (q *request) open() (*nest, error) {
	n := &q.nest
	*n = nest{level: -1}
	for q.decoder.PeekKind() == '[' && n.level < deepest-1 {
		if _, err := q.decoder.ReadToken(); err != nil {
			return nil, syntax(err)
		}
		n.level++
		n.counts[n.level] = 1 // the array that opens next
	}
	if n.level < 0 {
		return nil, q.unexpected(q.position(), "an array of numbers")
	}
	n.counts[n.level] = 0
	in := q.spec.Input
	switch depth := n.level + 1; {
	case depth == 1:
		n.shape = append(q.flat[:0], in.TotalSize())
	case depth == in.Dims():
		n.shape = in
	case depth == 2 && in.Dims() == 3 && in[0] == 1:
		n.shape = in[1:]
	default:
		return nil, refusef(http.StatusUnprocessableEntity,
			"%s: got %d levels of arrays, want %d numbers, flat or nested as %v",
			q.position(), depth, in.TotalSize(), in)
	}
	return n, nil
}

// readElement reads a number, or the start or end of an array.
func (q *request) readElement(n *nest) error {
	kind := q.decoder.PeekKind()
	switch {
	case kind == ']' && n.counts[n.level] == n.shape[n.level]:
		n.level--
		_, err := q.decoder.ReadToken()
		return syntax(err)
	case kind == ']':
		return refusef(http.StatusUnprocessableEntity, "%s: got %d elements, want %d", q.position(),
			n.counts[n.level], n.shape[n.level])
	case n.counts[n.level] == n.shape[n.level] && (kind == '0' || kind == '['):
		return refusef(http.StatusUnprocessableEntity, "%s: got more than %d elements, want %d", q.position(),
			n.shape[n.level], n.shape[n.level])
	case kind == '0' && n.innermost():
		n.counts[n.level]++
		v, err := q.number()
		q.images = append(q.images, v)
		return err
	case kind == '[' && !n.innermost():
		n.counts[n.level]++
		n.level++
		n.counts[n.level] = 0
		_, err := q.decoder.ReadToken()
		return syntax(err)
	case n.innermost():
		return q.unexpected(q.position(), "a number")
	}
	return q.unexpected(q.position(), "an array")
}

// position returns the reader's position, for example images[2][27].
func (q *request) position() string {
	position := "image"
	if q.list {
		position = fmt.Sprintf("images[%d]", q.count()-1)
	}
	for level := range max(q.nest.level, 0) {
		position += fmt.Sprintf("[%d]", q.nest.counts[level]-1)
	}
	return position
}

// number reads a number. One too large for float32 becomes infinite, which scale refuses as out of
// range.
func (q *request) number() (float32, error) {
	text, err := q.decoder.ReadValue()
	if err != nil {
		return 0, syntax(err)
	}
	if v, ok := smallNumber(text); ok {
		return v, nil
	}
	v, err := strconv.ParseFloat(string(text), 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, syntax(err)
	}
	return float32(v), nil
}

// smallNumber is a fast path for the usual pixel, an integer of up to three digits. text is a valid
// JSON number.
func smallNumber(text []byte) (v float32, ok bool) {
	if len(text) > 3 {
		return 0, false
	}
	whole := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		whole = 10*whole + int(c-'0')
	}
	return float32(whole), true
}

// scale maps the numbers from [0, most] to [0, 1].
func (q *request) scale(most float32) error {
	size := q.spec.Input.TotalSize()
	for i, v := range q.images {
		if !(v >= 0 && v <= most) {
			return q.outOfRange(i/size, i%size, v, most)
		}
		q.images[i] = v / most
	}
	return nil
}

func (q *request) outOfRange(image, number int, v, most float32) error {
	position := "image"
	if q.list {
		position = fmt.Sprintf("images[%d]", image)
	}
	hint := ""
	if most == 1 {
		hint = `, or "max": 255 in the document if the numbers go to that`
	}
	return refusef(http.StatusUnprocessableEntity, "%s: number %d: got %g, want 0 to %g%s", position, number, v, most,
		hint)
}

// expect reads a bracket or brace.
func (q *request) expect(kind jsontext.Kind, position string) error {
	if q.decoder.PeekKind() != kind {
		return q.unexpected(position, fmt.Sprintf("%q", byte(kind)))
	}
	_, err := q.decoder.ReadToken()
	return syntax(err)
}

// unexpected returns the error for the next token, which may be malformed.
func (q *request) unexpected(position, want string) error {
	token, err := q.decoder.ReadToken()
	if err != nil {
		return syntax(err)
	}
	return refusef(http.StatusUnprocessableEntity, "%s: byte %d: got %v, want %s", position,
		q.decoder.InputOffset(), token.Kind(), want)
}

// syntax marks a JSON syntax error as the client's, and passes errors of reading through.
func syntax(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	var form *jsontext.SyntacticError
	if errors.As(err, &form) {
		return refusef(http.StatusBadRequest, "the body isn't JSON: byte %d: %w", form.ByteOffset, form.Err)
	}
	return err
}
