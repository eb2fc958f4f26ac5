// Package picture turns any picture file into the values that a network reads: it decodes PNG,
// JPEG, GIF, WebP, BMP and TIFF in bounded memory, turns the picture upright as its EXIF
// orientation asks, and prepares it as a [Preprocessing] declares: scale, crop, normalize, or
// centre a digit as MNIST does.
//
// Everything that reads pictures, for training or for prediction, goes through
// [Preprocessing.Apply], so that a network is asked about a picture in the form in which it learned
// it.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Formats names the formats that can be read, for help texts and errors.
const Formats = "PNG, JPEG, GIF, WebP, BMP or TIFF"

// MediaTypes are the media types of the formats that can be read.
var MediaTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"}

var extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// HasExtension reports whether a file's name ends as that of a format that can be read.
func HasExtension(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}

// ErrFile marks an error of the file system: the picture itself may be good.
var ErrFile = errors.New("cannot be read")

// Open decodes the picture file at path and turns it upright. The content says which format it is,
// not the name; of an animation the first frame counts. A header that declares more pixels than the
// file's size warrants, or more than 2^26, is refused before it takes memory. An error is
// [ErrFile], or the content's, which doesn't name the file.
func Open(path string) (image.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%w: %s is a folder, want a picture file", ErrFile, path)
	}
	source := &watchedFile{file: file}
	img, err := decode(source, info.Size())
	if source.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, source.err)
	}
	return img, err
}

// Read is [Open] whose errors all name the file.
func Read(path string) (image.Image, error) {
	img, err := Open(path)
	if err != nil && !errors.Is(err, ErrFile) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, err
}

// watchedFile keeps an error of reading, which a decoder may report as one of the picture's.
type watchedFile struct {
	file *os.File
	err  error
}

func (w *watchedFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := w.file.ReadAt(p, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// Decode is [Read] of a file's content.
func Decode(data []byte) (image.Image, error) {
	return decode(bytes.NewReader(data), int64(len(data)))
}

// DecodeContext is [Decode] that gives up when the context is done: a few bytes can keep a decoder
// busy for long.
func DecodeContext(ctx context.Context, data []byte) (image.Image, error) {
	img, err := decode(&patientReader{ctx, bytes.NewReader(data)}, int64(len(data)))
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return img, err
}

// patientReader reads until its context is done.
type patientReader struct {
	ctx    context.Context
	reader *bytes.Reader
}

func (r *patientReader) ReadAt(p []byte, offset int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.reader.ReadAt(p, offset)
}

// Size is the width and height that the header of a picture declares, within [Read]'s bounds and
// before the picture is turned upright.
func Size(data []byte) (image.Point, error) {
	_, config, err := decodeHeader(bytes.NewReader(data), int64(len(data)))
	return image.Pt(config.Width, config.Height), err
}
