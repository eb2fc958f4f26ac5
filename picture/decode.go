package picture

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Limits for the size that a header declares, so that a small file can't make its decoder allocate
// much: any picture of up to 2^20 pixels, more pixels only in proportion to the file's size (see
// [codec]), and never more than 2^26 (8192x8192).
const (
	freePixels = 1 << 20
	maxPixels  = 1 << 26
)

// codec is a format. The file's first bytes select it, not its name or the formats that other
// packages have registered with package image.
type codec struct {
	name   string
	start  string // '?' matches any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	// pixelsPerByte bounds the format's compression: deflate compresses to 1/1032 at best, LZW to
	// 1/2560 of a byte for each pixel, a JPEG of one flat color to about 1/170 of its pixels. WebP
	// has no such bound; photographs are far below this one.
	pixelsPerByte int64
	orientation   func(io.ReaderAt) int // nil if the format has none
}

var codecs = []codec{
	{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, 1032, pngOrientation},
	{"JPEG", "\xff\xd8", jpeg.DecodeConfig, jpeg.Decode, 256, jpegOrientation},
	{"GIF", "GIF8?a", gif.DecodeConfig, gif.Decode, 2560, nil},
	{"WebP", "RIFF????WEBP", webp.DecodeConfig, webp.Decode, 4096, webpOrientation},
	{"BMP", "BM", bmp.DecodeConfig, bmp.Decode, 8, nil},
	{"TIFF", "II*\x00", tiff.DecodeConfig, tiff.Decode, 1032, tiffOrientation},
	{"TIFF", "MM\x00*", tiff.DecodeConfig, tiff.Decode, 1032, tiffOrientation},
}

const longestStart = 12

func (c codec) matches(start []byte) bool {
	if len(start) < len(c.start) {
		return false
	}
	for i := range len(c.start) {
		if c.start[i] != '?' && c.start[i] != start[i] {
			return false
		}
	}
	return true
}

// decode decodes a picture of size bytes, after checking its header against the size.
func decode(r io.ReaderAt, size int64) (image.Image, error) {
	format, config, err := decodeHeader(r, size)
	if err != nil {
		return nil, err
	}
	img, err := format.decode(format.reader(r, size))
	if err != nil {
		return nil, describe(format, err)
	}
	img = onCanvas(img, image.Rect(0, 0, config.Width, config.Height))
	if format.orientation == nil {
		return img, nil
	}
	return upright(img, format.orientation(r)), nil
}

func decodeHeader(r io.ReaderAt, size int64) (codec, image.Config, error) {
	format, err := sniff(r)
	if err != nil {
		return codec{}, image.Config{}, err
	}
	config, err := format.config(format.reader(r, size))
	if err != nil {
		return codec{}, image.Config{}, describe(format, err)
	}
	return format, config, checkPixels(format, config, size)
}

// reader returns the format decoder's input. TIFF reads at random offsets: it gets an
// [io.ReaderAt], without which it would hold the whole file in memory.
func (c codec) reader(r io.ReaderAt, size int64) io.Reader {
	section := io.NewSectionReader(r, 0, size)
	if c.name == "TIFF" {
		return section
	}
	return bufio.NewReader(section)
}

func sniff(r io.ReaderAt) (codec, error) {
	var buffer [longestStart]byte
	n, err := r.ReadAt(buffer[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return codec{}, err
	}
	start := buffer[:n]
	if n == 0 {
		return codec{}, errors.New("the file is empty")
	}
	for _, c := range codecs {
		if c.matches(start) {
			return c, nil
		}
	}
	return codec{}, fmt.Errorf("got a file that starts with % x, want %s", start[:min(n, 4)], Formats)
}

func checkPixels(format codec, config image.Config, size int64) error {
	width, height := int64(config.Width), int64(config.Height)
	if width < 1 || height < 1 {
		return fmt.Errorf("%s header: got %dx%d pixels, want at least 1x1", format.name, width, height)
	}
	limit := min(freePixels+min(size, maxPixels)*format.pixelsPerByte, maxPixels)
	if width > limit/height {
		return fmt.Errorf("%s header: got %dx%d pixels, want at most %d in a file of %d bytes",
			format.name, width, height, limit, size)
	}
	return nil
}

// describe returns a decoder's error without the package's name and its "invalid format", which
// applies to every error here.
func describe(format codec, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s cut off", format.name)
	}
	text := err.Error()
	if strings.HasSuffix(text, io.ErrUnexpectedEOF.Error()) { // package png keeps only the text
		return fmt.Errorf("%s cut off", format.name)
	}
	for _, prefix := range []string{
		"png: ", "jpeg: ", "gif: ", "webp: ", "bmp: ", "tiff: ", "vp8: ", "vp8l: ", "riff: ",
		"invalid JPEG format: ", "invalid format: ",
	} {
		text = strings.TrimPrefix(text, prefix)
	}
	return fmt.Errorf("%s: %w", format.name, described{text, err})
}

// described is an error with another text.
type described struct {
	text string
	error
}

func (d described) Error() string { return d.text }
func (d described) Unwrap() error { return d.error }

// onCanvas draws a frame that is smaller than its picture (as in some GIFs) on a transparent
// canvas.
func onCanvas(frame image.Image, canvas image.Rectangle) image.Image {
	if frame.Bounds() == canvas {
		return frame
	}
	whole := image.NewRGBA(canvas)
	draw.Draw(whole, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return whole
}
