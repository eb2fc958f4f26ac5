package viz_test

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"

	"convgraph/viz"
)

// gabors returns filters like learned ones: gratings of all directions under a Gaussian.
func gabors(out, in, side int, amplitude float64) viz.Filters {
	f := viz.Filters{Out: out, In: in, Height: side, Width: side}
	middle := float64(side-1) / 2
	for k := range out {
		for c := range in {
			angle := math.Pi*float64(k)/float64(out) + 0.4*float64(c)
			phase := 1.3 * float64(k+c)
			size := amplitude * (0.4 + 0.6*float64((k*7)%out)/float64(out))
			for y := range side {
				for x := range side {
					u, v := float64(x)-middle, float64(y)-middle
					along := u*math.Cos(angle) + v*math.Sin(angle)
					bell := math.Exp(-(u*u + v*v) / (middle * middle * 1.4))
					f.Data = append(f.Data, float32(size*bell*math.Cos(along*5/float64(side)*1.6+phase)))
				}
			}
		}
	}
	return f
}

func noise(out, in, side int, std float64) viz.Filters {
	r := rand.New(rand.NewPCG(1, 2))
	f := viz.Filters{Out: out, In: in, Height: side, Width: side, Data: make([]float32, out*in*side*side)}
	for i := range f.Data {
		f.Data[i] = float32(std * r.NormFloat64())
	}
	return f
}

// digit is a 28x28 seven.
func digit() viz.Planes {
	p := viz.Planes{Count: 1, Height: 28, Width: 28, Data: make([]float32, 28*28)}
	for i := range p.Data {
		x, y := float64(i%28), float64(i/28)
		bar := math.Abs(y-7) - 1.5
		if x < 7 || x > 20 {
			bar = 9
		}
		stem := math.Abs((x-20)+(y-7)*0.5)*0.9 - 1.5
		if y < 6 || y > 23 {
			stem = 9
		}
		p.Data[i] = float32(1 - min(max(min(bar, stem), 0), 1))
	}
	return p
}

func digitImage(shift int) image.Image {
	d := digit()
	img := image.NewGray(image.Rect(0, 0, 28, 28))
	for i, v := range d.Data {
		img.SetGray((i%28+shift)%28, i/28, color.Gray{Y: uint8(255 * v)})
	}
	return img
}

func correlate(x viz.Planes, f viz.Filters) viz.Planes {
	y := viz.Planes{Count: f.Out, Height: x.Height - f.Height + 1, Width: x.Width - f.Width + 1}
	for k := range f.Out {
		w := f.Filter(k)
		for i := range y.Height {
			for j := range y.Width {
				var total float32
				for c := range f.In {
					for r := range f.Height {
						for q := range f.Width {
							total += w.Plane(c)[r*f.Width+q] * x.Plane(c)[(i+r)*x.Width+j+q]
						}
					}
				}
				y.Data = append(y.Data, total)
			}
		}
	}
	return y
}

// rectify applies ReLU, which makes map 3 all zeros.
func rectify(p viz.Planes) viz.Planes {
	q := p
	q.Data = append([]float32(nil), p.Data...)
	clear(q.Plane(3))
	for i, v := range q.Data {
		q.Data[i] = max(v, 0)
	}
	return q
}

func pool(p viz.Planes) viz.Planes {
	q := viz.Planes{Count: p.Count, Height: p.Height / 2, Width: p.Width / 2}
	for c := range p.Count {
		for y := range q.Height {
			for x := range q.Width {
				at := p.Plane(c)[2*y*p.Width+2*x:]
				q.Data = append(q.Data, max(at[0], at[1], at[p.Width], at[p.Width+1]))
			}
		}
	}
	return q
}

func waves(n int) viz.Planes {
	p := viz.Planes{Count: n, Height: 1, Width: 1}
	for i := range n {
		p.Data = append(p.Data, float32(max(0, 3*math.Sin(float64(i*i)*0.37))))
	}
	return p
}

func overview() viz.Overview {
	conv := correlate(digit(), gabors(30, 1, 5, 0.4))
	relu := rectify(conv)
	input, _ := digit().Image(viz.Range{Min: 0, Max: 1})
	return viz.Overview{
		Title: "SimpleConvNet reads a digit",
		Input: input,
		Rows: []viz.OverviewRow{
			{Name: "conv1", Detail: "Conv2D 30 filters 5×5", Maps: conv},
			{Name: "relu1", Detail: "ReLU", Maps: relu},
			{Name: "pool1", Detail: "MaxPool2D 2×2", Maps: pool(relu)},
			{Name: "affine1", Detail: "Affine 4320→100", Maps: waves(100)},
			{Name: "affine2", Detail: "Affine 100→10", Maps: waves(10)},
		},
		Probabilities: []float32{0.0001, 0.004, 0.01, 0.02, 0, 0.0009, 0, 0.9612, 0.001, 0.0028},
	}
}

func manyClasses() viz.Overview {
	o := overview()
	o.Title, o.Rows = "1000 classes", []viz.OverviewRow{{Name: "fc6", Maps: waves(4096)}}
	o.Probabilities = make([]float32, 1000)
	for i := range o.Probabilities {
		o.Probabilities[i] = 1. / 2000
		o.Labels = append(o.Labels, fmt.Sprintf("class %d", i))
	}
	o.Probabilities[281], o.Probabilities[7] = 0.4, 0.1
	return o
}

// labeled is an output of independent labels.
func labeled() viz.Overview {
	o := overview()
	o.Title, o.Rows, o.Independent = "four labels", o.Rows[4:], true
	o.Probabilities, o.Labels = []float32{0.93, 0.51, 0.2, 0.0001}, []string{"round", "slanted", "thick", "torn"}
	o.Note = "1 of 60 layers: what the blocks give"
	return o
}

// measured is an output of plain numbers.
func measured() viz.Overview {
	o := overview()
	o.Title, o.Rows, o.Probabilities = "three numbers", o.Rows[4:], nil
	o.Values, o.Labels = []float32{-31.2, 7.5, 0}, []string{"angle", "width", "height"}
	return o
}

func contactSheet() viz.ContactSheet {
	s := viz.ContactSheet{Title: "Misclassified digits", Note: "103 of 10000 wrong; the first 24"}
	for i := range 24 {
		s.Items = append(s.Items, viz.Item{
			Image: digitImage(i), Wrong: i%3 > 0,
			Caption: fmt.Sprintf("7, said %d\nNo. %d, %d.3%%", (7+i%3*(i+1))%10, 115+321*i, 41+2*i),
		})
	}
	return s
}

func portrait() viz.Portrait {
	p := viz.Portrait{Title: "pool1, unit 12", Ideal: viz.TestPattern(), Caption: "by gradient ascent: 7.31",
		Note: "right: the nine training images that excite it most"}
	for i := range 9 {
		p.Items = append(p.Items, viz.Item{Image: digitImage(3 * i), Caption: fmt.Sprintf("%.2f", 4.2-0.1*float64(i))})
	}
	return p
}

func confusions(classes, each int) [][]int {
	counts := make([][]int, classes)
	for i := range counts {
		counts[i] = make([]int, classes)
		counts[i][i] = each - 3*i%17
		counts[i][(i*i+3)%classes] += i % 5
		counts[i][(i+classes/2)%classes] += i * 3 % 13
	}
	return counts
}

// saliency has heat around the corner of the seven, of both signs for sign -1.
func saliency(sign float64) viz.Saliency {
	input, _ := digit().Image(viz.Range{Min: 0, Max: 1})
	heat := viz.Planes{Count: 1, Height: 28, Width: 28}
	for i := range 28 * 28 {
		x, y := float64(i%28), float64(i/28)
		v := math.Exp(-(math.Pow(x-19, 2) + math.Pow(y-8, 2)) / 20)
		v += sign * (1 - 0.4*sign) * math.Exp(-(math.Pow(x-9, 2)+math.Pow(y-14, 2))/12)
		heat.Data = append(heat.Data, float32(0.8*v))
	}
	s := viz.Saliency{Title: "What the decision hangs on", Input: input, Heat: heat, Unit: "|∂ score / ∂ pixel|",
		Note: "predicted 7 (96.1%)"}
	if sign < 0 {
		s.Unit = "∂ score / ∂ pixel"
	}
	return s
}

func accuracy(epochs int) viz.AccuracyCurve {
	c := viz.AccuracyCurve{Title: "SimpleConvNet on MNIST"}
	for e := 1; e <= epochs; e++ {
		c.Train = append(c.Train, 0.9985-0.045/float64(e))
		c.Test = append(c.Test, 0.989-0.03/float64(e)+0.001*math.Sin(float64(e*e)))
	}
	return c
}

// kept is a training on few images whose kept epoch isn't the last.
func kept() viz.AccuracyCurve {
	c := accuracy(12)
	c.TestName, c.TrainImages, c.TestImages, c.Kept = "validation", 1000, 302, 8
	return c
}

// rates falls from 2.3 around a rate of 0.003 and explodes from 0.3 on.
func rates() viz.RateCurve {
	c := viz.RateCurve{Title: "SimpleConvNet, learning rates", Suggested: 0.003}
	for i := range 90 {
		rate := 1e-7 * math.Pow(10, float64(i)/12)
		c.Rates = append(c.Rates, rate)
		c.Losses = append(c.Losses, 2.3/(1+math.Pow(rate/0.003, 0.8))+0.5*math.Pow(rate/0.3, 2))
	}
	return c
}
