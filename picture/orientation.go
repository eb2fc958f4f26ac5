package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
	"io"
)

// EXIF's tag 0x0112 (CIPA DC-008, section 4.6.5) is the orientation of a picture, the operation
// that makes it upright:
//
//	1 as it is    2 mirrored           3 turned by 180°       4 mirrored and turned by 180°
//	5 transposed  6 turned clockwise   7 transposed over the  8 turned counterclockwise
//	                                     other diagonal
//
// Unreadable or other values count as 1.
const unchanged = 1

// mostSegments bounds the search for a picture's EXIF data: a PNG of 500 MB can have as many
// chunks.
const mostSegments = 1 << 16

// jpegOrientation reads the orientation from the first APP1 segment that begins with "Exif".
func jpegOrientation(r io.ReaderAt) int {
	const app1, startOfScan, endOfImage = 0xe1, 0xda, 0xd9
	var head [4]byte
	offset := int64(2) // after the start of image
	for range mostSegments {
		if _, err := r.ReadAt(head[:], offset); err != nil || head[0] != 0xff {
			return unchanged
		}
		marker := head[1]
		switch {
		case marker == 0xff: // padding
			offset++
			continue
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd7: // no content
			offset += 2
			continue
		case marker == startOfScan || marker == endOfImage:
			return unchanged
		}
		length := int64(binary.BigEndian.Uint16(head[2:]))
		if length < 2 {
			return unchanged
		}
		if marker == app1 {
			if content, ok := withoutPrefix(readSegment(r, offset+4, length-2)); ok {
				return tiffOrientation(bytes.NewReader(content))
			}
		}
		offset += 2 + length
	}
	return unchanged
}

// pngOrientation reads it from the chunk eXIf (PNG third edition, section 11.3.4.5).
func pngOrientation(r io.ReaderAt) int {
	return chunkOrientation(r, 8, "eXIf", func(head []byte) (name []byte, length, whole int64) {
		length = int64(binary.BigEndian.Uint32(head))
		return head[4:], length, 12 + length // with length, name and checksum
	})
}

// webpOrientation reads it from the chunk EXIF of the RIFF container.
func webpOrientation(r io.ReaderAt) int {
	return chunkOrientation(r, 12, "EXIF", func(head []byte) (name []byte, length, whole int64) {
		length = int64(binary.LittleEndian.Uint32(head[4:]))
		return head[:4], length, 8 + length + length%2
	})
}

// chunkHead parses a chunk's first 8 bytes: its name, the length of its content and of the whole
// chunk.
type chunkHead func(head []byte) (name []byte, length, whole int64)

// chunkOrientation searches the chunks from offset on for the one of the given name.
func chunkOrientation(r io.ReaderAt, offset int64, exif string, parse chunkHead) int {
	var head [8]byte
	for range mostSegments {
		if _, err := r.ReadAt(head[:], offset); err != nil {
			return unchanged
		}
		name, length, whole := parse(head[:])
		if string(name) == exif {
			content := readSegment(r, offset+8, length)
			if inner, ok := withoutPrefix(content); ok { // some writers keep JPEG's prefix
				content = inner
			}
			return tiffOrientation(bytes.NewReader(content))
		}
		offset += whole
	}
	return unchanged
}

// readSegment reads the available part of a segment, at most 64 KiB: the tags of the picture itself
// come first.
func readSegment(r io.ReaderAt, offset, length int64) []byte {
	content := make([]byte, min(length, 1<<16))
	n, _ := r.ReadAt(content, offset)
	return content[:n]
}

func withoutPrefix(content []byte) ([]byte, bool) {
	return bytes.CutPrefix(content, []byte("Exif\x00\x00"))
}

// tiffOrientation reads it from the first directory of a TIFF file, which is also the form of EXIF
// data: byte order, 42, the directory's offset; there the number of entries, and entries of 12
// bytes: tag, type, count, value.
func tiffOrientation(r io.ReaderAt) int {
	const tag, short, long = 0x0112, 3, 4
	var head [8]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return unchanged
	}
	var order binary.ByteOrder
	switch string(head[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return unchanged
	}
	offset := int64(order.Uint32(head[4:]))
	if _, err := r.ReadAt(head[:2], offset); err != nil {
		return unchanged
	}
	var entry [12]byte
	for i := range int64(order.Uint16(head[:])) {
		if _, err := r.ReadAt(entry[:], offset+2+12*i); err != nil {
			return unchanged
		}
		if order.Uint16(entry[:]) != tag {
			continue
		}
		value := uint32(0)
		switch order.Uint16(entry[2:]) {
		case short:
			value = uint32(order.Uint16(entry[8:]))
		case long:
			value = order.Uint32(entry[8:])
		}
		if value < 1 || value > 8 || order.Uint32(entry[4:]) != 1 {
			return unchanged
		}
		return int(value)
	}
	return unchanged
}

// upright applies the orientation: gray stays gray, everything else becomes RGBA.
func upright(img image.Image, orientation int) image.Image {
	if orientation == unchanged {
		return img
	}
	b := img.Bounds()
	width, height := b.Dx(), b.Dy()
	size := image.Pt(width, height)
	if orientation >= 5 {
		size = image.Pt(height, width)
	}
	t := turnOf(orientation, width, height)
	if gray, ok := img.(*image.Gray); ok {
		turned := image.NewGray(image.Rectangle{Max: size})
		for y := range height {
			t.scatter(turned.Pix, gray.Pix[y*gray.Stride:][:width], 1, y)
		}
		return turned
	}
	turned := image.NewRGBA(image.Rectangle{Max: size})
	row := image.NewRGBA(image.Rect(0, 0, width, 1))
	for y := range height {
		draw.Draw(row, row.Rect, img, b.Min.Add(image.Pt(0, y)), draw.Src)
		t.scatter(turned.Pix, row.Pix, 4, y)
	}
	return turned
}

// turn maps pixel (x,y) to index start + x·right + y·down.
type turn struct{ start, right, down int }

func turnOf(orientation, width, height int) turn {
	last := width*height - 1
	switch orientation {
	case 2:
		return turn{width - 1, -1, width}
	case 3:
		return turn{last, -1, -width}
	case 4:
		return turn{last - (width - 1), 1, -width}
	case 5:
		return turn{0, height, 1}
	case 6:
		return turn{height - 1, height, -1}
	case 7:
		return turn{last, -height, -1}
	case 8:
		return turn{last - (height - 1), -height, 1}
	}
	return turn{0, 1, width}
}

// scatter writes row y; a pixel has the given number of bytes.
func (t turn) scatter(dst, row []uint8, bytes, y int) {
	to := t.start + y*t.down
	for x := 0; x < len(row); x += bytes {
		copy(dst[to*bytes:to*bytes+bytes], row[x:x+bytes])
		to += t.right
	}
}
