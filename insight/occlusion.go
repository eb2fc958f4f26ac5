package insight

// occlusion computes score(x) - score(x with a blank square), averaged over the squares that cover
// a pixel. The squares lie a stride apart; those that reach over the edge are cut there.
func (q *question) occlusion() (*Heat, error) {
	h := q.blank()
	h.Signed = true
	squares := q.squares(h.Height, h.Width)
	whole, err := q.scores(1, func(int, []float32) {})
	if err != nil {
		return nil, err
	}
	size := q.model.Spec().Input[1] * q.model.Spec().Input[2]
	scores, err := q.scores(len(squares), func(i int, x []float32) {
		for channel := 0; channel < len(x); channel += size {
			squares[i].each(h.Width, func(pixel int) { x[channel+pixel] = 0 })
		}
	})
	if err != nil {
		return nil, err
	}
	sums, counts := make([]float64, size), make([]float64, size)
	for i, s := range squares {
		s.each(h.Width, func(pixel int) {
			sums[pixel] += float64(whole[0]) - float64(scores[i])
			counts[pixel]++
		})
	}
	for i := range sums {
		if counts[i] > 0 { // a stride that is longer than the window leaves gaps
			h.Values[i] = float32(sums[i] / counts[i])
		}
	}
	return h, nil
}

type square struct{ top, left, bottom, right int }

func (s square) each(width int, use func(pixel int)) {
	for y := s.top; y < s.bottom; y++ {
		for x := s.left; x < s.right; x++ {
			use(y*width + x)
		}
	}
}

func (q *question) squares(height, width int) (all []square) {
	for _, top := range starts(height, q.Window, q.Stride) {
		for _, left := range starts(width, q.Window, q.Stride) {
			all = append(all, square{top, left, min(top+q.Window, height), min(left+q.Window, width)})
		}
	}
	return all
}

// starts returns the first indices of windows that cover the whole length.
func starts(length, window, stride int) (all []int) {
	for at := 0; ; at += stride {
		all = append(all, at)
		if at+window >= length || at+stride >= length {
			return all
		}
	}
}

// scores returns the class's scores for n copies of the picture, each altered by change.
func (q *question) scores(n int, change func(i int, picture []float32)) ([]float32, error) {
	const most = 16
	size, classes := len(q.pixels), q.model.Classes()
	scores := make([]float32, n)
	x, logits := make([]float32, most*size), make([]float32, most*classes)
	for first := 0; first < n; first += most {
		batch := min(most, n-first)
		for i := range batch {
			copy(x[i*size:], q.pixels)
			change(first+i, x[i*size:][:size])
		}
		if err := q.model.PredictInto(logits[:batch*classes], x[:batch*size]); err != nil {
			return nil, err
		}
		for i := range batch {
			scores[first+i] = logits[i*classes+q.class]
		}
	}
	return scores, nil
}
