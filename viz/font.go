package viz

import (
	"image"
	"image/color"
	"image/draw"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

var (
	bodyText  = &typeface{ttf: goregular.TTF, size: 13}
	smallText = &typeface{ttf: goregular.TTF, size: 11}
	boldText  = &typeface{ttf: gobold.TTF, size: 13}
	titleText = &typeface{ttf: gobold.TTF, size: 16}
)

// typeface is one of the Go fonts at one size in pixels. The lock is needed because a font.Face
// isn't safe for concurrent use.
type typeface struct {
	ttf  []byte
	size float64

	once sync.Once
	mu   sync.Mutex
	face font.Face
}

func (t *typeface) load() font.Face {
	t.once.Do(func() {
		parsed, err := opentype.Parse(t.ttf)
		if err != nil {
			panic("viz: the font in the binary: " + err.Error()) // can't happen: the font is compiled in
		}
		t.face, err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: t.size, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			panic("viz: the font in the binary: " + err.Error())
		}
	})
	return t.face
}

// width of the text in pixels.
func (t *typeface) width(s string) int {
	face := t.load()
	t.mu.Lock()
	defer t.mu.Unlock()
	return font.MeasureString(face, s).Ceil()
}

// height of a line in pixels.
func (t *typeface) height() int {
	face := t.load()
	t.mu.Lock()
	defer t.mu.Unlock()
	m := face.Metrics()
	return (m.Ascent + m.Descent).Ceil()
}

// draw writes a line with its top left at the point.
func (t *typeface) draw(dst draw.Image, at image.Point, s string, c color.Color) {
	face := t.load()
	t.mu.Lock()
	defer t.mu.Unlock()
	d := font.Drawer{Dst: dst, Src: image.NewUniform(c), Face: face}
	d.Dot = fixed.P(at.X, at.Y+face.Metrics().Ascent.Ceil())
	d.DrawString(s)
}

// drawUpwards writes a line from bottom to top. The point is the top left of its rectangle,
// height() by width(s).
func (t *typeface) drawUpwards(dst draw.Image, at image.Point, s string, c color.RGBA) {
	level := image.NewRGBA(image.Rect(0, 0, t.width(s), t.height()))
	t.draw(level, image.Point{}, s, c)
	upright := image.NewRGBA(image.Rect(0, 0, level.Rect.Dy(), level.Rect.Dx()))
	for y := range level.Rect.Dy() {
		for x := range level.Rect.Dx() {
			upright.SetRGBA(y, level.Rect.Dx()-1-x, level.RGBAAt(x, y))
		}
	}
	draw.Draw(dst, image.Rectangle{at, at.Add(upright.Rect.Size())}, upright, image.Point{}, draw.Over)
}
