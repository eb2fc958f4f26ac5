// Package picture converts picture files to a network's input values: it decodes PNG, JPEG, GIF,
// WebP, BMP and TIFF in bounded memory, applies the EXIF orientation, and prepares the picture as a
// [Preprocessing] declares: scale, crop, normalize, or centre a digit in MNIST's form.
//
// All code that reads pictures, for training or for prediction, uses [Preprocessing.Apply], so that
// a network sees pictures in the form in which it was trained.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Formats names the supported formats, for help texts and errors.
const Formats = "PNG, JPEG, GIF, WebP, BMP or TIFF"

// MediaTypes are the media types of the supported formats.
var MediaTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"}

var extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// HasExtension reports whether a file name has the extension of a supported format.
func HasExtension(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}

// ErrFile marks an error of the file system: the picture itself may be good.
var ErrFile = errors.New("cannot be read")

// Open decodes the picture file at path and turns it upright. The content determines the format,
// not the name; of an animation it decodes the first frame. It refuses a header that declares more
// pixels than the file's size allows, or more than 2^26, before allocating memory. An error is
// [ErrFile], or about the content; the latter doesn't name the file.
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
		return nil, fmt.Errorf("%w: %w, want a picture file", ErrFile,
			&fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR})
	}
	return DecodeAt(file, info.Size())
}

// DecodeAt is [Open] for the size bytes of r.
func DecodeAt(r io.ReaderAt, size int64) (image.Image, error) {
	source := &watchedReader{reader: r}
	img, err := decode(source, size)
	if source.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, source.err)
	}
	return img, err
}

// Read is [Open] with the file's name in all errors.
func Read(path string) (image.Image, error) {
	img, err := Open(path)
	if err != nil && !errors.Is(err, ErrFile) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, err
}

// watchedReader stores a read error, which a decoder might report as an error of the picture.
type watchedReader struct {
	reader io.ReaderAt
	err    error
}

func (w *watchedReader) ReadAt(p []byte, offset int64) (int, error) {
	n, err := w.reader.ReadAt(p, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// Decode is [Open] for a file's content.
func Decode(data []byte) (image.Image, error) {
	return decode(bytes.NewReader(data), int64(len(data)))
}

// DecodeContext is [Decode] that stops when the context is done: a few bytes can keep a decoder
// busy for long.
func DecodeContext(ctx context.Context, data []byte) (image.Image, error) {
	img, err := decode(&contextReader{ctx, bytes.NewReader(data)}, int64(len(data)))
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return img, err
}

// contextReader reads until its context is done.
type contextReader struct {
	ctx    context.Context
	reader *bytes.Reader
}

func (r *contextReader) ReadAt(p []byte, offset int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.reader.ReadAt(p, offset)
}

// Extension returns the usual extension of the format of a file that begins with data: ".png",
// ".jpg".
func Extension(data []byte) (string, error) {
	format, err := sniff(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	switch format.name {
	case "JPEG":
		return ".jpg", nil
	case "TIFF":
		return ".tif", nil
	}
	return "." + strings.ToLower(format.name), nil
}

// Size returns the width and height that the header of a picture declares, within [Open]'s limits,
// before the orientation is applied.
func Size(data []byte) (image.Point, error) {
	_, config, err := decodeHeader(bytes.NewReader(data), int64(len(data)))
	return image.Pt(config.Width, config.Height), err
}
