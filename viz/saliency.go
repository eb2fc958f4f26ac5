package viz

import (
	"fmt"
	"image"
	"image/color"
	"slices"

	"convgraph/internal/xmath"
)

// Saliency shows on which pixels a decision depends: the image, the heat map, and the heat map over
// the image in gray. Heat of both signs gets a diverging scale centered at 0.
type Saliency struct {
	Title string
	Input image.Image
	Heat  Planes // one plane of the image's size
	Unit  string // of the heat: "|∂ score / ∂ pixel|"
	Note  string // "predicted 7 (99.2%)"
	Tile  int    // approximate longer side of a panel in pixels; 0: 224
	// Clip is the fraction of hottest pixels that share the last color. Without it a few extreme
	// pixels would hide all others.
	Clip float64
}

// Image draws the three panels.
func (s Saliency) Image() (image.Image, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	side := orDefault(s.Tile, 224)
	r, colors := s.scale()
	panels := row(14, alignStart,
		panel("image", s.Input, side),
		panel("heat", shade(s.Heat.Data, s.Heat.Width, r, colors), side),
		panel("heat over the image", s.overlay(r, colors), side))
	least, greatest := r.least(), r.greatest()
	if all := RangeOf(s.Heat.Data); all.Max > r.Max || all.Min < r.Min {
		greatest += " and more"
	}
	key := row(10, alignMiddle, legend(least, greatest, colors), label{s.Unit, bodyText, ink})
	return render(page(s.Title, panels, key, s.Note, warnNotFinite(s.Heat.Data))), nil
}

// Overlay returns only the heat over the image, in the image's size.
func (s Saliency) Overlay() (image.Image, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.overlay(s.scale()), nil
}

func (s Saliency) check() error {
	if s.Input == nil || s.Input.Bounds().Empty() {
		return fmt.Errorf("saliency: no input image")
	}
	if err := s.Heat.check("saliency: heat"); err != nil {
		return err
	}
	if b := s.Input.Bounds(); s.Heat.Count != 1 || s.Heat.Height != b.Dy() || s.Heat.Width != b.Dx() {
		return fmt.Errorf("saliency: got heat of %d planes of %dx%d (width, height), want 1 of the image's %dx%d",
			s.Heat.Count, s.Heat.Width, s.Heat.Height, b.Dx(), b.Dy())
	}
	return nil
}

func (s Saliency) scale() (Range, ramp) {
	far := s.hottest()
	if RangeOf(s.Heat.Data).Min < 0 {
		return Range{-far, far}, diverging
	}
	return Range{0, far}, heat
}

// hottest returns the end of the scale.
func (s Saliency) hottest() float32 {
	var magnitudes []float32
	for _, v := range s.Heat.Data {
		if xmath.IsFinite(v) && v != 0 {
			magnitudes = append(magnitudes, max(v, -v))
		}
	}
	if len(magnitudes) == 0 {
		return 0
	}
	slices.Sort(magnitudes)
	cut := int(s.Clip * float64(len(magnitudes)))
	return magnitudes[max(len(magnitudes)-1-cut, 0)]
}

func panel(name string, img image.Image, side int) block {
	return column(4, alignStart, label{name, bodyText, ink}, fit(img, side))
}

// overlay blends the heat over the image: transparent at 0, the more opaque the larger its
// magnitude.
func (s Saliency) overlay(r Range, colors ramp) image.Image {
	const dim, cover = 0.55, 0.85
	under := GrayPlane(s.Input)
	img := image.NewRGBA(image.Rect(0, 0, s.Heat.Width, s.Heat.Height))
	far := max(-r.Min, r.Max)
	for i, v := range s.Heat.Data {
		c := notFinite
		if xmath.IsFinite(v) {
			strength := Range{0, far}.position(max(v, -v))
			if far == 0 {
				strength = 0
			}
			c = mix(dimmed(under.Data[i], dim), colors(r.position(v)), cover*strength)
		}
		img.SetRGBA(i%s.Heat.Width, i/s.Heat.Width, c)
	}
	return img
}

func dimmed(luminance float32, by float64) color.RGBA { return gray(by * float64(luminance)) }
