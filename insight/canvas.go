package insight

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// canvas is a picture that gradient ascent paints by its frequencies: each changes the whole
// picture, so that the ascent finds shapes and not noise. Low frequencies weigh more, and colors
// are correlated, as in photographs (Olah, Mordvintsev and Schubert 2017, "Preconditioning and
// parameterization").
//
// With spectrum z and scale s of each frequency, channels t and colors c of a pixel:
//
//	t = Re(F⁻¹(s·z))/4,  c = sigmoid(M·t + offset)
//	∂L/∂z = s/(4N) · F(Mᵀ·(∂L/∂c · c·(1-c)))    its real and imaginary parts, of N pixels
type canvas struct {
	side, channels int
	offset         float64
	spectrum       []complex128 // channels planes
	scale          []float64    // of each frequency
	fft            *fourier.CmplxFFT

	first, second []complex128 // Adam's moments, of the real and imaginary parts by themselves
	steps         int

	pixels []float64 // intensities, from 0 to 1
	work   []complex128
	line   []complex128
}

// colors are the principal directions of ImageNet's colors, scaled by their stds: Lucid's
// color_correlation_svd_sqrt, divided by the length of its longest column.
var colors = func() (m [3][3]float64) {
	m = [3][3]float64{{0.26, 0.09, 0.02}, {0.27, 0.00, -0.05}, {0.27, -0.09, 0.03}}
	longest := 0.0
	for j := range 3 {
		longest = max(longest, math.Sqrt(m[0][j]*m[0][j]+m[1][j]*m[1][j]+m[2][j]*m[2][j]))
	}
	for i := range 3 {
		for j := range 3 {
			m[i][j] /= longest
		}
	}
	return m
}()

// newCanvas returns a canvas of faint noise.
func newCanvas(side, channels int, offset float64, noise func() float64) *canvas {
	n := side * side
	c := &canvas{
		side: side, channels: channels, offset: offset, fft: fourier.NewCmplxFFT(side),
		spectrum: make([]complex128, channels*n), scale: make([]float64, n),
		first: make([]complex128, channels*n), second: make([]complex128, channels*n),
		pixels: make([]float64, channels*n), work: make([]complex128, channels*n), line: make([]complex128, side),
	}
	for i := range c.spectrum {
		c.spectrum[i] = complex(0.01*noise(), 0.01*noise())
	}
	for i := range n {
		frequency := math.Hypot(foldedFrequency(i/side, side), foldedFrequency(i%side, side))
		c.scale[i] = float64(side) / max(frequency, 1/float64(side)) / 4
	}
	return c
}

// foldedFrequency returns the frequency of the k-th of n coefficients, in periods a pixel.
func foldedFrequency(k, n int) float64 { return float64(min(k, n-k)) / float64(n) }

// paint computes the pixels from the spectrum.
func (c *canvas) paint() []float64 {
	n := c.side * c.side
	for i, z := range c.spectrum {
		c.work[i] = z * complex(c.scale[i%n]/float64(n), 0)
	}
	c.transform(c.fft.Sequence)
	for i := range n {
		for channel := range c.channels {
			v := c.offset
			for other := range c.channels {
				v += c.mixing(channel, other) * real(c.work[other*n+i])
			}
			c.pixels[channel*n+i] = sigmoid(v)
		}
	}
	return c.pixels
}

// mixing returns an element of M.
func (c *canvas) mixing(channel, other int) float64 {
	if c.channels == 3 {
		return colors[channel][other]
	}
	if channel == other {
		return 1
	}
	return 0
}

// transform applies a Fourier transform to the rows and the columns of each plane.
func (c *canvas) transform(along func(dst, src []complex128) []complex128) {
	n := c.side * c.side
	for plane := 0; plane < len(c.work); plane += n {
		p := c.work[plane:][:n]
		for y := range c.side {
			row := p[y*c.side:][:c.side]
			copy(row, along(c.line, row))
		}
		column := make([]complex128, c.side)
		for x := range c.side {
			for y := range c.side {
				column[y] = p[y*c.side+x]
			}
			along(c.line, column)
			for y := range c.side {
				p[y*c.side+x] = c.line[y]
			}
		}
	}
}

// climb takes a step of Adam (Kingma and Ba 2014) along the gradient with respect to the pixels.
func (c *canvas) climb(gradient []float64, rate float64) {
	n := c.side * c.side
	for i := range n {
		for channel := range c.channels {
			sum := 0.0
			for other := range c.channels {
				v := c.pixels[other*n+i]
				sum += c.mixing(other, channel) * gradient[other*n+i] * v * (1 - v)
			}
			c.work[channel*n+i] = complex(sum, 0)
		}
	}
	c.transform(c.fft.Coefficients)
	const decay1, decay2 = 0.9, 0.999
	c.steps++
	correct1, correct2 := 1-math.Pow(decay1, float64(c.steps)), 1-math.Pow(decay2, float64(c.steps))
	for i, g := range c.work {
		g *= complex(c.scale[i%n]/float64(n), 0)
		c.first[i] = decay1*c.first[i] + (1-decay1)*g
		c.second[i] = decay2*c.second[i] + (1-decay2)*complex(real(g)*real(g), imag(g)*imag(g))
		step := func(first, second float64) float64 {
			return rate * first / correct1 / (math.Sqrt(second/correct2) + 1e-30)
		}
		c.spectrum[i] += complex(step(real(c.first[i]), real(c.second[i])), step(imag(c.first[i]), imag(c.second[i])))
	}
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
