package viz

import (
	"image"
	"image/color"
	"image/draw"
	"strings"

	xdraw "golang.org/x/image/draw"
)

var (
	white     = color.RGBA{255, 255, 255, 255}
	ink       = color.RGBA{28, 30, 34, 255}
	faintInk  = color.RGBA{96, 100, 108, 255}
	hairline  = color.RGBA{176, 180, 186, 255}
	notFinite = color.RGBA{255, 0, 255, 255}
	blue      = color.RGBA{36, 98, 176, 255}
	red       = color.RGBA{200, 44, 44, 255}
)

// A block is a rectangle that knows its size and draws itself. Pictures are blocks of blocks.
type block interface {
	size() image.Point
	draw(dst draw.Image, at image.Point)
}

// render draws a block on white with a margin around it.
func render(b block) *image.RGBA {
	const margin = 16
	size := b.size()
	img := image.NewRGBA(image.Rect(0, 0, size.X+2*margin, size.Y+2*margin))
	draw.Draw(img, img.Bounds(), image.NewUniform(white), image.Point{}, draw.Src)
	b.draw(img, image.Pt(margin, margin))
	return img
}

// label is one line of text.
type label struct {
	text  string
	face  *typeface
	color color.RGBA
}

func (l label) size() image.Point { return image.Pt(l.face.width(l.text), l.face.height()) }

func (l label) draw(dst draw.Image, at image.Point) { l.face.draw(dst, at, l.text, l.color) }

// paragraph breaks the text at spaces into lines no wider than width, unless a word is wider.
func paragraph(text string, face *typeface, c color.RGBA, width int) block {
	lines := stack{vertical: true, gap: 2}
	line := ""
	for _, word := range strings.Split(text, " ") {
		if longer := strings.TrimSpace(line + " " + word); line == "" || face.width(longer) <= width {
			line = longer
			continue
		}
		lines.blocks = append(lines.blocks, label{line, face, c})
		line = word
	}
	if line != "" {
		lines.blocks = append(lines.blocks, label{line, face, c})
	}
	return lines
}

// align is the position of a block that is smaller than its stack across the stack's direction.
type align int

const (
	alignStart align = iota
	alignMiddle
	alignEnd
)

func (a align) offset(room int) int {
	switch a {
	case alignMiddle:
		return room / 2
	case alignEnd:
		return room
	}
	return 0
}

// stack puts blocks below or beside one another.
type stack struct {
	vertical bool
	gap      int
	align    align
	blocks   []block
}

func column(gap int, a align, blocks ...block) stack {
	return stack{vertical: true, gap: gap, align: a, blocks: blocks}
}

func row(gap int, a align, blocks ...block) stack { return stack{gap: gap, align: a, blocks: blocks} }

func (s stack) size() image.Point {
	var total image.Point
	for i, b := range s.blocks {
		size := s.turn(b.size())
		if i > 0 {
			total.X += s.gap
		}
		total.X += size.X
		total.Y = max(total.Y, size.Y)
	}
	return s.turn(total)
}

func (s stack) draw(dst draw.Image, at image.Point) {
	across := s.turn(s.size()).Y
	along := 0
	for _, b := range s.blocks {
		size := s.turn(b.size())
		b.draw(dst, at.Add(s.turn(image.Pt(along, s.align.offset(across-size.Y)))))
		along += size.X + s.gap
	}
}

// turn swaps the axes for a vertical stack.
func (s stack) turn(p image.Point) image.Point {
	if s.vertical {
		return image.Pt(p.Y, p.X)
	}
	return p
}

// grid puts blocks into rows of equal cells.
func grid(columns, gap int, blocks []block) block {
	var cell image.Point
	for _, b := range blocks {
		cell.X, cell.Y = max(cell.X, b.size().X), max(cell.Y, b.size().Y)
	}
	rows := column(gap, alignStart)
	for len(blocks) > 0 {
		n := min(columns, len(blocks))
		r := row(gap, alignStart)
		for _, b := range blocks[:n] {
			r.blocks = append(r.blocks, sized{b, cell, alignStart, alignStart})
		}
		rows.blocks = append(rows.blocks, r)
		blocks = blocks[n:]
	}
	return rows
}

// sized gives a block a minimum size.
type sized struct {
	block
	min                  image.Point
	horizontal, vertical align
}

func (s sized) size() image.Point {
	size := s.block.size()
	return image.Pt(max(size.X, s.min.X), max(size.Y, s.min.Y))
}

func (s sized) draw(dst draw.Image, at image.Point) {
	room := s.size().Sub(s.block.size())
	s.block.draw(dst, at.Add(image.Pt(s.horizontal.offset(room.X), s.vertical.offset(room.Y))))
}

// bar is a rectangle in one color.
type bar struct {
	extent image.Point
	color  color.RGBA
}

func (b bar) size() image.Point { return b.extent }

func (b bar) draw(dst draw.Image, at image.Point) {
	fill(dst, image.Rectangle{at, at.Add(b.extent)}, b.color)
}

func fill(dst draw.Image, r image.Rectangle, c color.Color) {
	draw.Draw(dst, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// tile is an image in a hairline frame, which separates white pixels from the white page.
type tile struct{ img image.Image }

// fit makes a tile whose longer side is about side pixels: it magnifies a small image by a whole
// number, so that its pixels stay squares, and averages a large one.
func fit(img image.Image, side int) tile { return tile{resize(img, side)} }

func resize(img image.Image, side int) image.Image {
	b := img.Bounds()
	longer := max(b.Dx(), b.Dy())
	var size image.Point
	switch {
	case longer > side:
		size = image.Pt(max(1, b.Dx()*side/longer), max(1, b.Dy()*side/longer))
	case side/longer > 1:
		size = b.Size().Mul(side / longer)
	default:
		return img
	}
	scaled := image.NewRGBA(image.Rectangle{Max: size})
	var scaler xdraw.Scaler = xdraw.NearestNeighbor
	if longer > side {
		scaler = xdraw.CatmullRom
	}
	scaler.Scale(scaled, scaled.Bounds(), img, b, xdraw.Src, nil)
	return scaled
}

func (t tile) size() image.Point { return t.img.Bounds().Size().Add(image.Pt(2, 2)) }

func (t tile) draw(dst draw.Image, at image.Point) {
	fill(dst, image.Rectangle{at, at.Add(t.size())}, hairline)
	bare(t).draw(dst, at.Add(image.Pt(1, 1)))
}

// bare is an image without a frame.
type bare struct{ img image.Image }

func (b bare) size() image.Point { return b.img.Bounds().Size() }

func (b bare) draw(dst draw.Image, at image.Point) {
	draw.Draw(dst, image.Rectangle{at, at.Add(b.size())}, b.img, b.img.Bounds().Min, draw.Over)
}

// legend is a color ramp with the values of its ends.
func legend(least, greatest string, colors ramp) block {
	const width, height = 120, 12
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		fill(img, image.Rect(x, 0, x+1, height), colors(float64(x)/(width-1)))
	}
	return row(6, alignMiddle, label{least, bodyText, ink}, tile{img}, label{greatest, bodyText, ink})
}

// page is the usual layout of a picture: title, body, legend, and notes wrapped to the body's
// width. It omits empty texts and a nil legend.
func page(title string, body, key block, notes ...string) block {
	const narrowest = 380
	width := max(narrowest, body.size().X)
	p := column(12, alignStart)
	if title != "" {
		p.blocks = append(p.blocks, paragraph(title, titleText, ink, width))
	}
	p.blocks = append(p.blocks, body)
	if key != nil {
		p.blocks = append(p.blocks, key)
	}
	text := column(3, alignStart)
	for _, n := range notes {
		if n != "" {
			text.blocks = append(text.blocks, paragraph(n, bodyText, faintInk, width))
		}
	}
	if len(text.blocks) > 0 {
		p.blocks = append(p.blocks, text)
	}
	return p
}

// smooth scales an image smoothly to a given longer side.
func smooth(img image.Image, side int) *image.RGBA {
	b := img.Bounds()
	longer := max(b.Dx(), b.Dy())
	dst := image.NewRGBA(image.Rect(0, 0, max(1, b.Dx()*side/longer), max(1, b.Dy()*side/longer)))
	xdraw.CatmullRom.Scale(dst, dst.Bounds(), img, b, xdraw.Src, nil)
	return dst
}
