//go:build amd64 && !purego

package kernel

// vectorWinograd is the assembly of Winograd's transforms in one instruction set.
type (
	winogradInputFunc func(
		n int, src *float32, pitch int, at *int32, dst *float32, point int, temp *float32,
	)
	winogradOutputFunc func(
		n int, src *float32, point int, temp, dst *float32, pitch int, at *int32, bias, least float32,
	)
	winogradFiltersFunc func(n, rows int, src *float32, tap int, dst *float32, point int, temp *float32)
)

func (v *vectorKernels) winograd() winogradTransforms[float32] {
	return winogradTransforms[float32]{v.transformInput, v.transformOutput, v.transformFilters}
}

func (v *vectorKernels) transformInput(t tileInput[float32]) {
	n := len(t.at)
	dst, temp := t.dst[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	v.winogradInput(n, &t.src[0], t.pitch, &t.at[0], &dst[0], t.point, &temp[0])
}

func (v *vectorKernels) transformOutput(t tileOutput[float32]) {
	n := len(t.at)
	src, temp := t.src[:(winogradPoints-1)*t.point+n], t.temp[:winogradPoints*v.lanes]
	v.winogradOutput(n, &src[0], t.point, &temp[0], &t.dst[0], t.pitch, &t.at[0], t.bias, t.least)
}

func (v *vectorKernels) transformFilters(t tileFilters[float32]) {
	last := (t.n-1)*t.rows + v.lanes // elements up to the end of the last vector
	src, dst := t.src[:last+winogradTaps*t.rows], t.dst[:(winogradPoints-1)*t.point+last]
	first, tap := 0, t.rows
	if t.turned {
		first, tap = (winogradTaps-1)*t.rows, -t.rows
	}
	v.winogradFilters(t.n, t.rows, &src[first], tap, &dst[0], t.point, &t.temp[:winogradPoints*v.lanes][0])
}
