//go:build amd64 && !purego

package kernel

// vectorNorm holds the row functions of LRN for one instruction set.
type vectorNorm struct {
	atThreeQuarters, atAny normRows // by Beta
	spreadRow              func(n int, rows *float32, stride, count int, factor float32, x, dx *float32)
}

type normRows struct {
	row      func(n int, rows *float32, stride, count int, k, alpha, beta float32, x, y *float32)
	backward func(n int, rows *float32, stride, count int, k, alpha, beta float32, y, dy, dx, ratio *float32)
}

func setNorm(t *table[float32], v *vectorNorm) {
	t.normTile, t.normTermRow, t.normSpreadRow = v.tile, v.termRow, v.spread
}

func (v *vectorNorm) rows(beta float64) *normRows {
	if beta == 0.75 {
		return &v.atThreeQuarters
	}
	return &v.atAny
}

func (v *vectorNorm) tile(l *LRN[float32], t tile) {
	rows := v.rows(l.Beta)
	for c := range l.Channels {
		from, count := l.neighbors(c)
		x, y := l.row(l.x, t, c), l.row(l.y, t, c)
		rows.row(
			t.size, &l.rows(l.x, t, from, count)[0], l.Plane, count, float32(l.K), float32(l.Alpha), float32(l.Beta),
			&x[0], &y[0],
		)
	}
}

func (v *vectorNorm) termRow(l *LRN[float32], t tile, c int, y, dy, term, ratio []float32) {
	from, count := l.neighbors(c)
	v.rows(l.Beta).backward(
		t.size, &l.rows(l.x, t, from, count)[0], l.Plane, count, float32(l.K), float32(l.Alpha), float32(l.Beta),
		&y[0], &dy[0], &term[0], &ratio[0],
	)
}

func (v *vectorNorm) spread(rows []float32, count int, factor float32, x, dx []float32) {
	v.spreadRow(len(x), &rows[:(count-1)*lrnTile+len(x)][0], lrnTile, count, factor, &x[0], &dx[0])
}

// rows returns the slice from a tile's first pixel in channel from to its last in channel
// from+count-1.
func (l *LRN[T]) rows(s []T, t tile, from, count int) []T {
	return s[t.start+from*l.Plane:][:(count-1)*l.Plane+t.size]
}
