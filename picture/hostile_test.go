package picture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"

	"convgraph/picture"
)

// hugePNG is a PNG of a few bytes whose header declares width x height.
func hugePNG(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = append(binary.BigEndian.AppendUint32(header, height), 8, 2, 0, 0, 0)
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
	return append(file, "\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e"...)
}

// hugeJPEG is the start of a progressive JPEG of one channel whose header declares side x side.
func hugeJPEG(side uint16) []byte {
	file := []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc2\x00\x0b\x08")
	file = binary.BigEndian.AppendUint16(file, side)
	file = binary.BigEndian.AppendUint16(file, side)
	return append(file, 1, 1, 0x11, 0)
}

func riff(chunks ...string) []byte {
	body := "WEBP" + strings.Join(chunks, "")
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// hugeVP8L is a lossless WebP's header of 2^14 x 2^14.
const hugeVP8L = "VP8L\x06\x00\x00\x00\x2f\xff\xff\xff\x0f\x00"

func hugeGIF() []byte {
	return []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x00;")
}

func hugeBMP() []byte {
	b := make([]byte, 54)
	copy(b, "BM")
	b[10], b[14], b[26], b[28] = 54, 40, 1, 24
	binary.LittleEndian.PutUint32(b[18:], 1<<30)
	binary.LittleEndian.PutUint32(b[22:], 1<<30)
	return b
}

// tiffOf is a TIFF file, or EXIF data, of one directory with the entries (tag, type, count, value).
func tiffOf(order binary.AppendByteOrder, entries ...[4]uint32) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint16(order.AppendUint32(b, 8), uint16(len(entries)))
	for _, e := range entries {
		b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, uint16(e[0])), uint16(e[1])), e[2])
		if e[1] == 3 { // a short fills the first two bytes
			b = order.AppendUint16(order.AppendUint16(b, uint16(e[3])), 0)
			continue
		}
		b = order.AppendUint32(b, e[3])
	}
	return order.AppendUint32(b, 0)
}

// The header of a picture too large for its file is refused before anything is allocated for it.
func TestHugeHeadersAllocateLittle(t *testing.T) {
	for name, data := range map[string][]byte{
		"PNG": hugePNG(20_000, 20_000), "wide PNG": hugePNG(1<<31-1, 1), "JPEG": hugeJPEG(1<<16 - 1), "GIF": hugeGIF(),
		"BMP":  hugeBMP(),
		"WebP": riff(hugeVP8L),
		"extended WebP": riff(
			"VP8X\x0a\x00\x00\x00\x10\x00\x00\x00\xff\x3f\x00\xff\x3f\x00", "ALPH\x02\x00\x00\x00\x00\x00",
		),
		"TIFF": tiffOf(binary.LittleEndian, [4]uint32{0x100, 4, 1, 60_000}, [4]uint32{0x101, 4, 1, 60_000},
			[4]uint32{0x102, 3, 1, 8}, [4]uint32{0x106, 3, 1, 1}),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := picture.Decode(data)
		runtime.ReadMemStats(&after)
		assert.ErrorContains(t, err, " pixels, want at most ", name)
		_, sizeErr := picture.Size(data)
		assert.Equal(t, err, sizeErr, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), name)
	}
	// A small canvas around a large frame is another false declaration.
	for _, chunk := range []string{hugeVP8L, "VP8 \x0a\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := picture.Decode(riff("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00", chunk))
		runtime.ReadMemStats(&after)
		assert.Error(t, err)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	}
}

func TestDecodeRefuses(t *testing.T) {
	for want, data := range map[string][]byte{
		"the file is empty": nil,
		"got a file that starts with 50 4b 03 04, want PNG, JPEG, GIF, WebP, BMP or TIFF": []byte("PK\x03\x04 etc."),
		"got a file that starts with 42, want PNG, JPEG, GIF, WebP, BMP or TIFF":          []byte("B"),
		"JPEG header: got 0x0 pixels, want at least 1x1":                                  hugeJPEG(0),
		"GIF cut off":                []byte("GIF89a"),
		"WebP: invalid format":       riff()[:12],
		"BMP cut off":                []byte("BM1"),
		"TIFF cut off":               []byte("II*\x00"),
		"TIFF: zero-size image":      tiffOf(binary.BigEndian),
		"PNG cut off":                []byte("\x89PNG\r\n\x1a\n"),
		"BMP: unsupported BMP image": append([]byte("BM"), make([]byte, 60)...),
	} {
		_, err := picture.Decode(data)
		assert.EqualError(t, err, want)
	}
	_, err := picture.Read(t.TempDir())
	assert.ErrorIs(t, err, picture.ErrFile)
	assert.ErrorIs(t, err, syscall.EISDIR)
	assert.ErrorContains(t, err, "want a picture file")
}

// A context stops every decoder that keeps reading.
func TestDecodeContext(t *testing.T) {
	var tif bytes.Buffer
	require.NoError(t, tiff.Encode(&tif, opaque(9, 9), nil))
	for _, data := range [][]byte{pngOf(t, opaque(9, 9)), tif.Bytes()} {
		img, err := picture.DecodeContext(t.Context(), data)
		require.NoError(t, err)
		assert.Equal(t, image.Rect(0, 0, 9, 9), img.Bounds())
		done, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = picture.DecodeContext(done, data)
		assert.ErrorIs(t, err, context.Canceled)
	}
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

// A GIF's first frame may be smaller than its canvas, which is black.
func TestFrameOnItsCanvas(t *testing.T) {
	frame := image.NewPaletted(image.Rect(2, 1, 4, 3), color.Palette{white, black})
	var b bytes.Buffer
	require.NoError(t, gif.EncodeAll(&b, &gif.GIF{
		Image: []*image.Paletted{frame}, Delay: []int{0},
		Config: image.Config{Width: 5, Height: 4, ColorModel: frame.Palette},
	}))
	got, err := fit(must(t, b.Bytes()), []int{1, 4, 5})
	require.NoError(t, err)
	assert.Equal(t, []float32{0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0}, got)
}

func must(t testing.TB, data []byte) image.Image {
	t.Helper()
	img, err := picture.Decode(data)
	require.NoError(t, err)
	return img
}

// withAPP1 inserts a segment of EXIF data, true or false, into a JPEG after the given segments.
func withAPP1(jpeg []byte, exif []byte, before ...byte) []byte {
	content := append([]byte("Exif\x00\x00"), exif...)
	file := append([]byte("\xff\xd8"), before...)
	file = binary.BigEndian.AppendUint16(append(file, 0xff, 0xe1), uint16(len(content)+2))
	return append(append(file, content...), jpeg[2:]...)
}

// withChunk inserts a chunk before the end of a PNG.
func withChunk(file []byte, name string, content []byte) []byte {
	const end = 12
	at := len(file) - end
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	body := append([]byte(name), content...)
	chunk = binary.BigEndian.AppendUint32(append(chunk, body...), crc32.ChecksumIEEE(body))
	return append(append(bytes.Clone(file[:at]), chunk...), file[at:]...)
}

// half is a picture of 4x2 whose left half is white; turned by 90° it is 2x4.
func half() *image.Gray {
	return &image.Gray{Pix: []uint8{255, 255, 0, 0, 255, 255, 0, 0}, Stride: 4, Rect: image.Rect(0, 0, 4, 2)}
}

// EXIF data are found in either byte order, as short or long, before or after the pixels.
func TestEXIFForms(t *testing.T) {
	const orientation, short, long = 0x112, 3, 4
	turned := image.Rect(0, 0, 2, 4)
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, kind := range []uint32{short, long} {
			exif := tiffOf(order, [4]uint32{0x100, long, 1, 99}, [4]uint32{orientation, kind, 1, 6})
			photo := jpegOf(t, half())
			assert.Equal(t, turned, must(t, withAPP1(photo, exif)).Bounds())
			assert.Equal(t, turned, must(t, withAPP1(photo, exif, 0xff, 0xfe, 0, 3, 'c')).Bounds(), "after a comment")
			assert.Equal(t, turned, must(t, withAPP1(photo, exif, 0xff, 0xff)).Bounds(), "after padding")
			for _, content := range [][]byte{exif, append([]byte("Exif\x00\x00"), exif...)} {
				img := must(t, withChunk(pngOf(t, half()), "eXIf", content))
				require.Equal(t, turned, img.Bounds())
				assert.Equal(
					t, []uint8{255, 255, 255, 255, 0, 0, 0, 0}, img.(*image.Gray).Pix, "clockwise: left becomes top",
				)
			}
		}
	}
}

// Corrupt EXIF data have no effect.
func TestIgnoresCorruptEXIF(t *testing.T) {
	const orientation, short = 0x112, 3
	good := tiffOf(binary.LittleEndian, [4]uint32{orientation, short, 1, 6})
	far := bytes.Clone(good)
	binary.LittleEndian.PutUint32(far[4:], 1<<32-1)
	many := bytes.Clone(good)
	binary.LittleEndian.PutUint16(many[8:], 1<<16-1)
	many[10] = 0
	for name, exif := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-10], "no header": []byte("nothing of that kind"), "42": append(
			[]byte("II\x2b\x00"), good[4:]...,
		),
		"mixed order": append([]byte("MM*\x00"), good[4:]...), "far away": far, "too many entries": many,
		"0": tiffOf(binary.LittleEndian, [4]uint32{orientation, short, 1, 0}), "9": tiffOf(
			binary.LittleEndian, [4]uint32{orientation, short, 1, 9},
		),
		"two values": tiffOf(binary.LittleEndian, [4]uint32{orientation, short, 2, 6}), "text": tiffOf(
			binary.LittleEndian, [4]uint32{orientation, 2, 1, 6},
		),
		"no entries": tiffOf(binary.LittleEndian),
	} {
		assert.Equal(t, half().Rect, must(t, withAPP1(jpegOf(t, half()), exif)).Bounds(), name)
		img := must(t, withChunk(pngOf(t, half()), "eXIf", exif))
		assert.Equal(t, half().Pix, img.(*image.Gray).Pix, name)
	}
}

func TestHasExtension(t *testing.T) {
	for _, name := range []string{"a.png", "a.JPG", "a.b.jpeg", "a.gif", "a.webp", "a.bmp", "a.tif", "a.tiff"} {
		assert.True(t, picture.HasExtension(name), name)
	}
	for _, name := range []string{"a", "png", "a.svg", "a.png.txt"} {
		assert.False(t, picture.HasExtension(name), name)
	}
}

// addReference seeds a fuzzer with files of every format and orientation.
func addReference(f *testing.F) {
	r := readReference(f)
	for _, set := range []map[string]decoded{r.Formats, r.Orientations} {
		for _, d := range set {
			f.Add(d.File)
		}
	}
	f.Add(hugePNG(1<<20, 1<<20))
	f.Add(hugeJPEG(1<<16 - 1))
	f.Add(riff(hugeVP8L))
	f.Add(hugeGIF())
	f.Add(hugeBMP())
}

// FuzzDecode reads any bytes as a picture: it is refused, or can be prepared for a network and has
// the size in its header.
func FuzzDecode(f *testing.F) {
	addReference(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := picture.Decode(data)
		if err != nil {
			return
		}
		b := img.Bounds()
		if b.Min != (image.Point{}) || b.Empty() || b.Dx()*b.Dy() > 1<<26 {
			t.Fatalf("bounds %v", b)
		}
		size, err := picture.Size(data)
		if err != nil || size != b.Size() && size != image.Pt(b.Dy(), b.Dx()) {
			t.Fatalf("size %v, bounds %v: %v", size, b, err)
		}
		if b.Dx()*b.Dy() > 1<<18 {
			return // the fuzzer skips slow inputs
		}
		for _, p := range []picture.Preprocessing{
			{}, {Fit: picture.Shorter, Resize: 9, Interpolation: picture.Bicubic},
		} {
			s, err := p.Apply(img, []int{3, 8, 8})
			require.NoError(t, err)
			for _, v := range s.Pixels {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("value %v", v)
				}
			}
		}
	})
}

// FuzzOrientation inserts any bytes as EXIF data: the picture is decoded, with the same pixels in
// some order.
func FuzzOrientation(f *testing.F) {
	for o := uint32(0); o <= 9; o++ {
		f.Add(tiffOf(binary.LittleEndian, [4]uint32{0x112, 3, 1, o}))
		f.Add(tiffOf(binary.BigEndian, [4]uint32{0x112, 4, 1, o}))
	}
	plain := image.NewGray(image.Rect(0, 0, 5, 3))
	for i := range plain.Pix {
		plain.Pix[i] = uint8(i + 1)
	}
	file := pngOf(f, plain)
	photo := jpegOf(f, plain)
	f.Fuzz(func(t *testing.T, exif []byte) {
		if len(exif) > 1<<16-16 {
			return
		}
		img, err := picture.Decode(withChunk(file, "eXIf", exif))
		require.NoError(t, err)
		seen := [16]bool{}
		for _, v := range img.(*image.Gray).Pix {
			seen[v] = true
		}
		for v := 1; v < 16; v++ {
			require.True(t, seen[v], "pixel %d is gone", v)
		}
		photographed, err := picture.Decode(withAPP1(photo, exif))
		require.NoError(t, err)
		require.Equal(t, img.Bounds(), photographed.Bounds(), "a JPEG is turned as a PNG is")
	})
}

// A read error isn't reported as a corrupt picture.
func TestErrorsOfTheFileSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	_, err := picture.Read(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, err, picture.ErrFile)
	require.NoError(t, os.WriteFile(path, pngOf(t, half())[:20], 0o644))
	_, err = picture.Read(path)
	assert.NotErrorIs(t, err, picture.ErrFile)
	assert.EqualError(t, err, path+": PNG cut off")
	_, err = picture.Open(path)
	assert.EqualError(t, err, "PNG cut off")
	assert.NotErrorIs(t, err, io.EOF)
}
