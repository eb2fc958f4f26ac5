//go:build amd64 && !purego

package kernel

// vectorWinograd is the assembly of Winograd's transforms in one instruction set.
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

func (v *vectorKernels) winograd() winogradTransforms[float32] {
	t := winogradTransforms[float32]{
		input: v.transformInput, output: v.transformOutput, filters: v.transformFilters,
		gradient: v.transformGradient, taps: v.transformTaps,
	}
	if v.winogradPlane != nil {
		t.plane = v.transformPlane
	}
	if v.winogradFewTiles != nil {
		t.few = v.multiplyFewTiles
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

func (v *vectorKernels) transformGradient(t tileInput[float32]) {
	v.transformTiles(v.winogradGradient, t)
}

func (v *vectorKernels) transformTiles(transform winogradTilesFunc, t tileInput[float32]) {
	n := len(t.at)
	dst, temp := t.dst[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	transform(n, &t.src[0], t.pitch, &t.at[0], &dst[0], t.point, &temp[0])
}

func (v *vectorKernels) transformOutput(t tileOutput[float32]) {
	n := len(t.at)
	src, temp := t.src[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	v.winogradOutput(
		n, &src[0], t.point, &temp[0], &t.dst[0], t.pitch, &t.at[0], t.ahead, t.bias, t.least, t.most,
	)
}

func (v *vectorKernels) transformFilters(t tileFilters[float32]) {
	dst := t.dst[:(winogradPoints-1)*t.point+(t.n-1)*t.pitch+v.lanes]
	src, tap := v.firstTap(&t, 0, t.n)
	v.winogradFilters(t.n, t.pitch, src, tap, &dst[0], t.point, &t.temp[:winogradPoints*v.lanes][0])
}

// firstTap returns the first tap of n channels' filters, from channel first on, and the distance to
// the next.
func (v *vectorKernels) firstTap(t *tileFilters[float32], first, n int) (at *float32, tap int) {
	src := t.src[winogradTaps*first*t.pitch:][:(winogradTaps*n-1)*t.pitch+v.lanes]
	if t.turned {
		return &src[(winogradTaps-1)*t.pitch], -t.pitch
	}
	return &src[0], t.pitch
}

func (v *vectorKernels) multiplyFewTiles(t fewTiles[float32]) {
	rows, continues := t.temp[:fewTemp*v.lanes], 0
	if t.continues {
		continues = 1
	}
	for c := 0; c < t.filters.n; c += fewChannels {
		n := min(fewChannels, t.filters.n-c)
		src, tap := v.firstTap(&t.filters, c, n)
		v.winogradFilterRows(n, t.filters.pitch, src, tap, &rows[0])
		for tile := 0; tile < t.tiles; tile += fewTogether {
			input := t.input[c*t.tiles+tile:][:(winogradPoints-1)*t.point+(n-1)*t.tiles+fewTogether]
			sums := t.sums[tile*t.sumTile:][:(winogradPoints-1)*t.sumPoint+(fewTogether-1)*t.sumTile+v.lanes]
			v.winogradFewTiles(
				n, &rows[0], &input[0], t.point, t.tiles, &sums[0], t.sumPoint, t.sumTile, continues,
			)
		}
		continues = 1
	}
}

func (v *vectorKernels) transformTaps(t tileTaps[float32]) {
	src, dst := t.src[:(winogradPoints-1)*t.point+t.n], t.dst[:(winogradTaps-1)*t.tap+t.n]
	v.winogradTaps(t.n, &src[0], t.point, &t.temp[:winogradPoints*v.lanes][0], &dst[0], t.tap)
}
