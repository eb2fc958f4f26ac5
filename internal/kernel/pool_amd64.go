//go:build amd64 && !purego

package kernel

// maxPlaneFunc is an assembly function over one plane.
type maxPlaneFunc func(rows, cols, width int, x, y *float32, at *int32)

// setPools takes assembly for windows at stride 2 without padding.
func setPools(t *table[float32], max2, max3 maxPlaneFunc) {
	t.maxPlane = func(w *windows, x, y []float32, at []int32) {
		x, y, at = x[:w.in], y[:w.out], at[:w.out]
		switch {
		case w.stride2(2):
			max2(len(w.rows), len(w.columns), w.InWidth, &x[0], &y[0], &at[0])
		case w.stride2(3):
			max3(len(w.rows), len(w.columns), w.InWidth, &x[0], &y[0], &at[0])
		default:
			maxPlane(w, x, y, at)
		}
	}
	t.maxBackwardPlane = vectorMaxBackwardPlane
	t.sumPlane, t.spreadPlane = vectorSumPlane, vectorSpreadPlane
}

func vectorMaxBackwardPlane(w *windows, at []int32, dy, dx []float32) {
	if !w.stride2(2) {
		maxBackwardPlane(w, at, dy, dx)
		return
	}
	at, dy, dx = at[:w.out], dy[:w.out], dx[:w.in]
	clearMargins(w, dx)
	maxPool2Backward(len(w.rows), len(w.columns), w.InWidth, &at[0], &dy[0], &dx[0])
}

func vectorSumPlane(w *windows, x []float32, scale, bias float32, y []float32) {
	if !w.stride2(2) {
		sumPlane(w, x, scale, bias, y)
		return
	}
	x, y = x[:w.in], y[:w.out]
	sumPool2(len(w.rows), len(w.columns), w.InWidth, &x[0], &y[0], scale, bias)
}

func vectorSpreadPlane(w *windows, dy []float32, scale float32, dx []float32) {
	if !w.stride2(2) {
		spreadPlane(w, dy, scale, dx)
		return
	}
	dy, dx = dy[:w.out], dx[:w.in]
	clearMargins(w, dx)
	spreadPool2(len(w.rows), len(w.columns), w.InWidth, &dy[0], &dx[0], scale)
}

// clearMargins sets the last row and column of a plane to zero where 2x2 windows don't reach them.
func clearMargins(w *windows, dx []float32) {
	clear(dx[2*len(w.rows)*w.InWidth:])
	if 2*len(w.columns) == w.InWidth {
		return
	}
	for i := w.InWidth - 1; i < len(dx); i += w.InWidth {
		dx[i] = 0
	}
}
