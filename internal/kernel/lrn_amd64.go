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
	t.normTile, t.normBackwardTile = v.tile, v.backwardTile
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
		from, count := l.neighbours(c)
		x, y := l.row(l.x, t, c), l.row(l.y, t, c)
		rows.row(
			t.size, &l.rows(l.x, t, from, count)[0], l.Plane, count, float32(l.K), float32(l.Alpha), float32(l.Beta),
			&x[0], &y[0],
		)
	}
}

func (v *vectorNorm) backwardTile(l *LRN[float32], t tile, ratios []float32) {
	rows := v.rows(l.Beta)
	for c := range l.Channels {
		from, count := l.neighbours(c)
		y, dy, dx := l.row(l.y, t, c), l.row(l.dy, t, c), l.row(l.dx, t, c)
		rows.backward(t.size, &l.rows(l.x, t, from, count)[0], l.Plane, count, float32(l.K), float32(l.Alpha),
			float32(l.Beta),
			&y[0], &dy[0], &dx[0], &ratios[c*lrnTile:][:t.size][0])
	}
	for c := range l.Channels {
		from, count := l.neighboursOf(c)
		x, dx := l.row(l.x, t, c), l.row(l.dx, t, c)
		v.spreadRow(t.size, &ratios[from*lrnTile:][:count*lrnTile][0], lrnTile, count, l.spread(), &x[0], &dx[0])
	}
}

// rows returns the slice from a tile's first pixel in channel from to its last in channel
// from+count-1.
func (l *LRN[T]) rows(s []T, t tile, from, count int) []T {
	return s[t.start+from*l.Plane:][:(count-1)*l.Plane+t.size]
}
