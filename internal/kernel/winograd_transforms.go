package kernel

import "math"

// winogradTransforms are the transforms of one instruction set. The number of tiles is a multiple
// of the engine's lanes.
type winogradTransforms[T Float] struct {
	input func(tileInput[T])
	plane func(tilePlane[T]) // nil in an instruction set without a kernel for it

	threeTaps, fiveTaps tileTransforms[T]
}

// tileTransforms are the transforms that depend on the form.
type tileTransforms[T Float] struct {
	output   func(tileOutput[T])
	filters  func(tileFilters[T])
	gradient func(tileInput[T]) // A·dy·Aᵀ of tiles of out×out, of which gradientCols columns may be read
	taps     func(tileTaps[T])
	few      func(fewTiles[T]) // nil without a kernel for it
}

// of returns the transforms of a form.
func (t *winogradTransforms[T]) of(f tileForm) *tileTransforms[T] {
	if f == fiveTaps {
		return &t.fiveTaps
	}
	return &t.threeTaps
}

// tileInput transforms tiles: dst[(6i+j)·point + t] = (Bᵀ·d·B)[i,j] of tile t, whose six rows d
// begin at src[at[t]], pitch apart. Eight columns of each row may be read. temp is workspace.
type tileInput[T Float] struct {
	src   []T
	pitch int
	at    []int32
	dst   []T
	point int
	temp  []T
}

// tilePlane transforms tiles like tileInput, but from a plane without padding, which begins at
// src[first]. It prefetches the plane ahead elements further.
type tilePlane[T Float] struct {
	src          []T
	first, ahead int
	tiles        planeTiles
	dst          []T
	point        int
	temp         []T
}

// planeTiles says where tiles begin in a plane, which they may hang over. Bit t of masks[6i+j] says
// whether element (i, j) of tile t is inside; each vector of tiles has 36 masks. The tiles' rows,
// eight columns each, lie in [least, end).
type planeTiles struct {
	at         []int32
	pitch      int
	masks      []uint16
	least, end int
}

// tileOutput is bias + Aᵀ·m·A, at least least and at most most, for each tile t, with m[i,j] =
// src[(6i+j)·point + t]. Its rows begin at dst[at[t]], pitch apart. Kernels may prefetch the tiles
// ahead elements further.
type tileOutput[T Float] struct {
	src               []T
	point             int
	dst               []T
	pitch             int
	at                []int32
	ahead             int
	bias, least, most T
	temp              []T
}

// tileFilters transforms rows filters, at most a vector, of n channels: dst[(6i+j)·point + c·pitch
// + f] = (G·g·Gᵀ)[i,j], with g[k] = src[(s·c+k)·pitch + f], or g[s-1-k] if turned, for filters of s
// taps. It may write up to slack elements past the end.
type tileFilters[T Float] struct {
	n, rows, pitch int
	src            []T
	turned         bool
	dst            []T
	point          int
	temp           []T
}

// fewTiles multiplies the points of filters, as tileFilters makes them, with those of tiles, a
// multiple of fewTogether, for a whole vector of filters f:
//
//	sums[(6i+j)·sumPoint + t·sumTile + f] = Σ_c (G·g·Gᵀ)[i,j] · input[(6i+j)·point + c·tiles + t]
//
// If it continues, the sums begin at the old ones. The filters' points aren't kept. temp has
// fewTemp elements for each lane.
type fewTiles[T Float] struct {
	filters           tileFilters[T] // without dst, point and temp
	input             []T
	point, tiles      int
	sums              []T
	sumPoint, sumTile int
	continues         bool
	temp              []T
}

const (
	fewTogether = 4  // tiles that the kernel multiplies at once
	fewChannels = 16 // whose filters' points are computed at a time, so that they stay in the L1 cache
	fewTemp     = fewChannels * winogradIn * 3
)

// tileTaps transforms n filters back: dst[k·tap + f] is element k of Gᵀ·m·G of filter f, with
// m[i,j] = src[(6i+j)·point + f].
type tileTaps[T Float] struct {
	n     int
	src   []T
	point int
	dst   []T
	tap   int
	temp  []T
}

// insidePlane says which elements of a tile's input lie in a plane: bit 6i+j is element (i, j)'s.
func insidePlane(height, width, top, left int) uint64 {
	inside := uint64(0)
	for k := range winogradPoints {
		row, col := top+k/winogradIn, left+k%winogradIn
		if row >= 0 && row < height && col >= 0 && col < width {
			inside |= 1 << k
		}
	}
	return inside
}

func portableWinograd[T Float]() winogradTransforms[T] {
	return winogradTransforms[T]{
		input: tileInputGeneric[T], threeTaps: portableTiles[T](threeTaps), fiveTaps: portableTiles[T](fiveTaps),
	}
}

func portableTiles[T Float](f tileForm) tileTransforms[T] {
	return tileTransforms[T]{
		output:   func(t tileOutput[T]) { tileOutputGeneric(f, t) },
		filters:  func(t tileFilters[T]) { tileFiltersGeneric(f, t) },
		gradient: func(t tileInput[T]) { tileGradientGeneric(f, t) },
		taps:     func(t tileTaps[T]) { tileTapsGeneric(f, t) },
	}
}

func tileInputGeneric[T Float](t tileInput[T]) {
	for i, at := range t.at {
		var d [winogradIn][winogradIn]T
		for r := range d {
			x := t.src[int(at)+r*t.pitch:][:winogradIn]
			d[r] = inputPoints(x[0], x[1], x[2], x[3], x[4], x[5])
		}
		for col := range winogradIn {
			v := inputPoints(d[0][col], d[1][col], d[2][col], d[3][col], d[4][col], d[5][col])
			for r := range v {
				t.dst[(r*winogradIn+col)*t.point+i] = v[r]
			}
		}
	}
}

// inputPoints is Bᵀ·x.
func inputPoints[T Float](x0, x1, x2, x3, x4, x5 T) [winogradIn]T {
	near, nearOdd := x4-2*x2, math.Sqrt2/2*(x3-2*x1)
	far, farOdd := x4-0.5*x2, math.Sqrt2*(x3-0.5*x1)
	return [winogradIn]T{
		x0 + x4 - 2.5*x2, near + nearOdd, near - nearOdd, far + farOdd, far - farOdd, x1 + x5 - 2.5*x3,
	}
}

func tileOutputGeneric[T Float](f tileForm, t tileOutput[T]) {
	for i, at := range t.at {
		var m [winogradIn][winogradIn]T // only out elements of each are used
		for col := range m {
			var v [winogradIn]T
			for r := range v {
				v[r] = t.src[(r*winogradIn+col)*t.point+i]
			}
			m[col] = outputPoints(f, v)
		}
		for r := range f.out {
			y := outputPoints(f, [winogradIn]T{m[0][r], m[1][r], m[2][r], m[3][r], m[4][r], m[5][r]})
			for j, v := range y[:f.out] {
				t.dst[int(at)+r*t.pitch+j] = min(max(v+t.bias, t.least), t.most)
			}
		}
	}
}

// outputPoints is Aᵀ·m: the first out elements.
func outputPoints[T Float](f tileForm, m [winogradIn]T) [winogradIn]T {
	near, far := m[1]+m[2], m[3]+m[4]
	nearOdd, farOdd := math.Sqrt2/2*(m[1]-m[2]), math.Sqrt2*(m[3]-m[4])
	if f == fiveTaps {
		return [winogradIn]T{m[0] + near + far, nearOdd + farOdd + m[5]}
	}
	return [winogradIn]T{
		m[0] + near + far, nearOdd + farOdd, 0.5*near + 2*far, m[5] + 0.5*nearOdd + 2*farOdd,
	}
}

func tileFiltersGeneric[T Float](f tileForm, t tileFilters[T]) {
	for i := range t.n * t.rows {
		first, step := i/t.rows*f.filter()*t.pitch+i%t.rows, t.pitch
		if t.turned {
			first, step = first+(f.filter()-1)*step, -step
		}
		var g [winogradIn][winogradIn]T // rows beyond the taps are zeros
		for r := range f.taps {
			var row [winogradIn]T
			for j := range f.taps {
				row[j] = t.src[first+(f.taps*r+j)*step]
			}
			g[r] = filterPoints(f, row)
		}
		for col := range winogradIn {
			u := filterPoints(f, [winogradIn]T{g[0][col], g[1][col], g[2][col], g[3][col], g[4][col]})
			for r := range u {
				t.dst[(r*winogradIn+col)*t.point+i/t.rows*t.pitch+i%t.rows] = u[r]
			}
		}
	}
}

// filterPoints is G·g, with zeros beyond the taps.
func filterPoints[T Float](f tileForm, g [winogradIn]T) [winogradIn]T {
	near, nearOdd := (2*g[0]+g[2])*(-1./3), math.Sqrt2/3*g[1]
	far, farOdd := (g[0]+2*g[2])*(1./6), math.Sqrt2/6*g[1]
	if f == fiveTaps {
		near, nearOdd = near-g[4]*(1./6), nearOdd+math.Sqrt2/6*g[3]
		far, farOdd = far+g[4]*(2./3), farOdd+math.Sqrt2/3*g[3]
	}
	return [winogradIn]T{g[0], near - nearOdd, near + nearOdd, far + farOdd, far - farOdd, g[f.taps-1]}
}

func tileGradientGeneric[T Float](f tileForm, t tileInput[T]) {
	for i, at := range t.at {
		var d [winogradIn][winogradIn]T // rows beyond the tile's are zeros
		for r := range f.out {
			var y [winogradIn]T
			copy(y[:], t.src[int(at)+r*t.pitch:][:f.out])
			d[r] = gradientPoints(f, y)
		}
		for col := range winogradIn {
			v := gradientPoints(f, [winogradIn]T{d[0][col], d[1][col], d[2][col], d[3][col]})
			for r := range v {
				t.dst[(r*winogradIn+col)*t.point+i] = v[r]
			}
		}
	}
}

// gradientPoints is A·y, with zeros beyond the tile.
func gradientPoints[T Float](f tileForm, y [winogradIn]T) [winogradIn]T {
	near, nearOdd := y[0]+0.5*y[2], math.Sqrt2/2*(y[1]+0.5*y[3])
	far, farOdd := y[0]+2*y[2], math.Sqrt2*(y[1]+2*y[3])
	return [winogradIn]T{y[0], near + nearOdd, near - nearOdd, far + farOdd, far - farOdd, y[f.out-1]}
}

func tileTapsGeneric[T Float](f tileForm, t tileTaps[T]) {
	for i := range t.n {
		var g [winogradIn][winogradIn]T // only the taps' rows are used
		for col := range winogradIn {
			var m [winogradIn]T
			for r := range m {
				m[r] = t.src[(r*winogradIn+col)*t.point+i]
			}
			for r, v := range tapPoints(f, m) {
				g[r][col] = v
			}
		}
		for r := range f.taps {
			taps := tapPoints(f, g[r])
			for j, v := range taps[:f.taps] {
				t.dst[(f.taps*r+j)*t.tap+i] = v
			}
		}
	}
}

// tapPoints is Gᵀ·m: the first taps elements.
func tapPoints[T Float](f tileForm, m [winogradIn]T) [winogradIn]T {
	near, nearOdd := m[1]+m[2], m[2]-m[1]
	far, farOdd := m[3]+m[4], m[3]-m[4]
	first, second := m[0]-2./3*near+1./6*far, math.Sqrt2/3*nearOdd+math.Sqrt2/6*farOdd
	third := 1. / 3 * (far - near)
	if f == fiveTaps {
		return [winogradIn]T{
			first, second, third, math.Sqrt2/6*nearOdd + math.Sqrt2/3*farOdd, m[5] - 1./6*near + 2./3*far,
		}
	}
	return [winogradIn]T{first, second, m[5] + third}
}
