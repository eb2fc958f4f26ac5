//go:build amd64 && !purego

package kernel

// The assembly of Winograd's transforms.
type (
	winogradTilesFunc func(
		n int, src *float32, pitch int, at *int32, dst *float32, point int, temp *float32,
	)
	winogradPlaneFunc func(
		n int, src *float32, pitch int, at *int32, dst *float32, point int, temp *float32, masks *uint16, ahead int,
	)
	winogradOutputFunc func(
		n int, src *float32, point int, temp, dst *float32, pitch int, at *int32, ahead int,
		bias, least, most float32,
	)
	winogradFiltersFunc func(n, rows int, src *float32, tap int, dst *float32, point int, temp *float32)
	winogradTapsFunc    func(n int, src *float32, point int, temp, dst *float32, tap int)
	winogradRowsFunc    func(n, rows int, src *float32, tap int, dst *float32)
	winogradFewFunc     func(
		n int, rows, input *float32, point, tiles int, sums *float32, sumPoint, sumTile, continues int,
	)
)

// vectorTiles is the assembly of a form in one instruction set.
type vectorTiles struct {
	form     tileForm
	output   winogradOutputFunc
	filters  winogradFiltersFunc
	gradient winogradTilesFunc
	taps     winogradTapsFunc

	filterRows winogradRowsFunc // these two are nil where registers don't hold four tiles' sums
	fewTiles   winogradFewFunc
}

func (v *vectorKernels) winograd() winogradTransforms[float32] {
	t := winogradTransforms[float32]{
		input: v.transformInput, threeTaps: v.transforms(&v.threeTaps), fiveTaps: v.transforms(&v.fiveTaps),
	}
	if v.winogradPlane != nil {
		t.plane = v.transformPlane
	}
	return t
}

// transforms returns the functions of a form. They slice operands to what the assembly reads and
// writes, like those of the engine.
func (v *vectorKernels) transforms(k *vectorTiles) tileTransforms[float32] {
	t := tileTransforms[float32]{
		output:   func(t tileOutput[float32]) { v.transformOutput(k, t) },
		filters:  func(t tileFilters[float32]) { v.transformFilters(k, t) },
		gradient: func(t tileInput[float32]) { v.transformTiles(k.gradient, t) },
		taps:     func(t tileTaps[float32]) { v.transformTaps(k, t) },
	}
	if k.fewTiles != nil {
		t.few = func(t fewTiles[float32]) { v.multiplyFewTiles(k, t) }
	}
	return t
}

func (v *vectorKernels) transformInput(t tileInput[float32]) { v.transformTiles(v.winogradInput, t) }

func (v *vectorKernels) transformPlane(t tilePlane[float32]) {
	p, n := &t.tiles, len(t.tiles.at)
	dst, temp := t.dst[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	masks := p.masks[:n/v.lanes*winogradPoints]
	_ = t.src[t.first+p.least : t.first+p.end]
	v.winogradPlane(n, &t.src[t.first], p.pitch, &p.at[0], &dst[0], t.point, &temp[0], &masks[0], t.ahead)
}

func (v *vectorKernels) transformTiles(transform winogradTilesFunc, t tileInput[float32]) {
	n := len(t.at)
	dst, temp := t.dst[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	transform(n, &t.src[0], t.pitch, &t.at[0], &dst[0], t.point, &temp[0])
}

func (v *vectorKernels) transformOutput(k *vectorTiles, t tileOutput[float32]) {
	n := len(t.at)
	src, temp := t.src[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	k.output(
		n, &src[0], t.point, &temp[0], &t.dst[0], t.pitch, &t.at[0], t.ahead, t.bias, t.least, t.most,
	)
}

func (v *vectorKernels) transformFilters(k *vectorTiles, t tileFilters[float32]) {
	dst := t.dst[:(winogradPoints-1)*t.point+(t.n-1)*t.pitch+v.lanes]
	src, tap := v.firstTap(k.form, &t, 0, t.n)
	k.filters(t.n, t.pitch, src, tap, &dst[0], t.point, &t.temp[:winogradPoints*v.lanes][0])
}

// firstTap returns the first tap of n channels' filters, from channel first on, and the distance to
// the next.
func (v *vectorKernels) firstTap(f tileForm, t *tileFilters[float32], first, n int) (at *float32, tap int) {
	src := t.src[f.filter()*first*t.pitch:][:(f.filter()*n-1)*t.pitch+v.lanes]
	if t.turned {
		return &src[(f.filter()-1)*t.pitch], -t.pitch
	}
	return &src[0], t.pitch
}

func (v *vectorKernels) multiplyFewTiles(k *vectorTiles, t fewTiles[float32]) {
	rows, continues := t.temp[:fewTemp*v.lanes], 0
	if t.continues {
		continues = 1
	}
	for c := 0; c < t.filters.n; c += fewChannels {
		n := min(fewChannels, t.filters.n-c)
		src, tap := v.firstTap(k.form, &t.filters, c, n)
		k.filterRows(n, t.filters.pitch, src, tap, &rows[0])
		for tile := 0; tile < t.tiles; tile += fewTogether {
			input := t.input[c*t.tiles+tile:][:(winogradPoints-1)*t.point+(n-1)*t.tiles+fewTogether]
			sums := t.sums[tile*t.sumTile:][:(winogradPoints-1)*t.sumPoint+(fewTogether-1)*t.sumTile+v.lanes]
			k.fewTiles(
				n, &rows[0], &input[0], t.point, t.tiles, &sums[0], t.sumPoint, t.sumTile, continues,
			)
		}
		continues = 1
	}
}

func (v *vectorKernels) transformTaps(k *vectorTiles, t tileTaps[float32]) {
	src, dst := t.src[:(winogradPoints-1)*t.point+t.n], t.dst[:(k.form.filter()-1)*t.tap+t.n]
	k.taps(t.n, &src[0], t.point, &t.temp[:winogradPoints*v.lanes][0], &dst[0], t.tap)
}
