package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"

	"golang.org/x/image/draw"
)

// A header is believed up to these sizes, so that a small file cannot make its decoder allocate much: any image of 2^20
// pixels, beyond it pixels in proportion to the file's size, and none above 2^26 (8192x8192). A PNG's data shrink to
// 1/1032 at the most; a JPEG of one flat colour to about 1/170 of its pixels.
const (
	freePixels        = 1 << 20
	maxPixels         = 1 << 26
	pngPixelsPerByte  = 1032
	jpegPixelsPerByte = 256
)

// codec is one of the two formats. Its start says which one a file is, whatever its name or the formats other packages
// have registered with package image.
type codec struct {
	name          string
	start         string
	config        func(io.Reader) (image.Config, error)
	decode        func(io.Reader) (image.Image, error)
	pixelsPerByte int64
}

var codecs = []codec{
	{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, pngPixelsPerByte},
	{"JPEG", "\xff\xd8", jpeg.DecodeConfig, jpeg.Decode, jpegPixelsPerByte},
}

// errFile marks an error of the file system, which is no fault of the image's.
var errFile = errors.New("cannot be read")

// decodeFile decodes the PNG or JPEG file at path. An error that is not errFile is the content's.
func decodeFile(path string) (image.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFile, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFile, err)
	}
	source := &watchedFile{file: file}
	img, err := decodeImage(source, info.Size())
	if source.err != nil {
		return nil, fmt.Errorf("%w: %w", errFile, source.err)
	}
	return img, err
}

// watchedFile remembers an error of reading, which a decoder may report as one of the image's.
type watchedFile struct {
	file *os.File
	err  error
}

func (w *watchedFile) Read(p []byte) (int, error) {
	n, err := w.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

func (w *watchedFile) Seek(offset int64, whence int) (int64, error) {
	n, err := w.file.Seek(offset, whence)
	if err != nil {
		w.err = err
	}
	return n, err
}

// decodeImage decodes a PNG or JPEG of size bytes, after its header has been found to be in proportion to them.
func decodeImage(r io.ReadSeeker, size int64) (image.Image, error) {
	buffered := bufio.NewReader(r)
	format, err := sniff(buffered)
	if err != nil {
		return nil, err
	}
	if _, err := decodeHeader(format, buffered, size); err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	buffered.Reset(r)
	img, err := format.decode(buffered)
	if err != nil {
		return nil, describe(format, err)
	}
	return img, nil
}

// decodeConfig reads the header of a PNG or JPEG of size bytes.
func decodeConfig(r *bufio.Reader, size int64) (image.Config, error) {
	format, err := sniff(r)
	if err != nil {
		return image.Config{}, err
	}
	return decodeHeader(format, r, size)
}

func decodeHeader(format codec, r io.Reader, size int64) (image.Config, error) {
	config, err := format.config(r)
	if err != nil {
		return image.Config{}, describe(format, err)
	}
	return config, checkPixels(format, config, size)
}

func sniff(r *bufio.Reader) (codec, error) {
	start, err := r.Peek(8)
	if len(start) == 0 && (err == nil || errors.Is(err, io.EOF)) {
		return codec{}, errors.New("the file is empty")
	}
	for _, c := range codecs {
		if bytes.HasPrefix(start, []byte(c.start)) {
			return c, nil
		}
	}
	return codec{}, fmt.Errorf("starts with % x: expected 89 50 4e 47 (PNG) or ff d8 (JPEG)", start[:min(len(start), 4)])
}

func checkPixels(format codec, config image.Config, size int64) error {
	width, height := int64(config.Width), int64(config.Height)
	if width < 1 || height < 1 {
		return fmt.Errorf("%s header: found %dx%d pixels, expected at least 1x1", format.name, width, height)
	}
	// Both are below 2^31, so that the product fits.
	limit := min(freePixels+size*format.pixelsPerByte, maxPixels)
	if width*height > limit {
		return fmt.Errorf("%s header: found %dx%d pixels, expected at most %d in a file of %d bytes", format.name, width, height, limit, size)
	}
	return nil
}

// describe is a decoder's error without the package's name and its "invalid format", which every damage is.
func describe(format codec, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s cut off", format.name)
	}
	var pngFormat png.FormatError
	var jpegFormat jpeg.FormatError
	switch {
	case errors.As(err, &pngFormat):
		return fmt.Errorf("%s: %s", format.name, string(pngFormat))
	case errors.As(err, &jpegFormat):
		return fmt.Errorf("%s: %s", format.name, string(jpegFormat))
	}
	return fmt.Errorf("%s: %w", format.name, err)
}

// fitSquare fills the square dst with the image as Krizhevsky et al. 2012, section 2: the shorter side scaled to dst's,
// the middle of the longer side kept. Cropping comes first, so that a narrow image costs no more than a square one. An
// image whose middle has dst's size already is copied.
func fitSquare(dst *image.RGBA, src image.Image) {
	middle := centreSquare(src.Bounds())
	if middle.Dx() == dst.Rect.Dx() {
		draw.Draw(dst, dst.Rect, src, middle.Min, draw.Src)
		return
	}
	draw.BiLinear.Scale(dst, dst.Rect, src, middle, draw.Src, nil)
}

func centreSquare(r image.Rectangle) image.Rectangle {
	side := min(r.Dx(), r.Dy())
	origin := r.Min.Add(image.Pt((r.Dx()-side)/2, (r.Dy()-side)/2))
	return image.Rectangle{Min: origin, Max: origin.Add(image.Pt(side, side))}
}

// planes writes src channel by channel: red, green and blue, or the luma alone. Transparent parts are over black.
func planes(dst []uint8, src *image.RGBA, channels int) {
	plane := len(dst) / channels
	for i := range plane {
		p := src.Pix[4*i : 4*i+3 : 4*i+3]
		if channels == 1 {
			dst[i] = luma(p[0], p[1], p[2])
			continue
		}
		dst[i], dst[plane+i], dst[2*plane+i] = p[0], p[1], p[2]
	}
}

// luma is JFIF's brightness; the weights sum to 2^16, so that grey stays exactly what it was.
func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}
