//go:build amd64 && !purego

package kernel

// vectorNorm is the row functions of LRN at Beta = 0.75 for one instruction set.
type vectorNorm struct {
	row         func(n int, rows *float32, stride, count int, k, alpha float32, x, y *float32)
	backwardRow func(n int, rows *float32, stride, count int, k, alpha float32, y, dy, dx, ratio *float32)
	spreadRow   func(n int, rows *float32, stride, count int, factor float32, x, dx *float32)
}

func setNorm(t *table[float32], v vectorNorm) {
	t.normTile, t.normBackwardTile = v.tile, v.backwardTile
}

func (v vectorNorm) tile(l *LRN[float32], t tile) {
	if l.Beta != 0.75 {
		normTile(l, t)
		return
	}
	for c := range l.Channels {
		from, count := l.neighbours(c)
		x, y := l.row(l.x, t, c), l.row(l.y, t, c)
		v.row(t.size, &l.rows(l.x, t, from, count)[0], l.Plane, count, float32(l.K), float32(l.Alpha), &x[0], &y[0])
	}
}

func (v vectorNorm) backwardTile(l *LRN[float32], t tile, ratios []float32) {
	if l.Beta != 0.75 {
		normBackwardTile(l, t, ratios)
		return
	}
	for c := range l.Channels {
		from, count := l.neighbours(c)
		y, dy, dx := l.row(l.y, t, c), l.row(l.dy, t, c), l.row(l.dx, t, c)
		v.backwardRow(t.size, &l.rows(l.x, t, from, count)[0], l.Plane, count, float32(l.K), float32(l.Alpha),
			&y[0], &dy[0], &dx[0], &ratios[c*lrnTile:][:t.size][0])
	}
	for c := range l.Channels {
		from, count := l.neighboursOf(c)
		x, dx := l.row(l.x, t, c), l.row(l.dx, t, c)
		v.spreadRow(t.size, &ratios[from*lrnTile:][:count*lrnTile][0], lrnTile, count, l.spread(), &x[0], &dx[0])
	}
}

// rows returns a tile's part of count channels: all that lies from the first of its pixels to the last.
func (l *LRN[T]) rows(s []T, t tile, from, count int) []T {
	return s[t.start+from*l.Plane:][:(count-1)*l.Plane+t.size]
}
