package ops_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/ops"
)

func TestWindowsPrintWhatIsNotTheDefault(t *testing.T) {
	assert.Equal(t, "stride 1, pad 1",
		ops.Conv{Stride: ops.Pair{1, 1}, Pad: ops.Pair{1, 1}, Dilation: ops.Pair{1, 1}, Groups: 1}.String())
	assert.Equal(t, "stride 2, pad 1x0, more at the beginning 0x2, more at the end 1, dilation 3, groups 4",
		ops.Conv{Stride: ops.Pair{2, 2}, Pad: ops.Pair{1, 0}, PadBegin: ops.Pair{0, 2}, PadEnd: ops.Pair{1, 1},
			Dilation: ops.Pair{3, 3}, Groups: 4}.String())
	assert.Equal(t, "kernel 3x2, stride 2, more at the end 1, dilation 1x2, ceil, padding not counted",
		ops.Pool{Kernel: ops.Pair{3, 2}, Stride: ops.Pair{2, 2}, PadEnd: ops.Pair{1, 1}, Dilation: ops.Pair{1, 2},
			Ceil: true, ExcludePad: true}.String())
}

// Sizes near the largest int neither overflow nor take time.
func TestOutputSizeOfHugeWindows(t *testing.T) {
	const huge = 1 << 62
	for _, c := range []struct {
		pool ops.Pool
		want ops.Pair
	}{
		{ops.Pool{Kernel: ops.Pair{huge, 1}, Stride: ops.Pair{huge, 1}, Ceil: true}, ops.Pair{1, 7}},
		{ops.Pool{Kernel: ops.Pair{1, 1}, Stride: ops.Pair{huge, huge}, Ceil: true}, ops.Pair{1, 1}},
		{ops.Pool{Kernel: ops.Pair{3, 1}, Stride: ops.Pair{1, 1}, Dilation: ops.Pair{huge / 4, 1},
			Pad: ops.Pair{huge / 4, 0}}, ops.Pair{5, 7}},
	} {
		got, err := c.pool.OutputSize(ops.Pair{5, 7})
		assert.NoError(t, err, "%v", c.pool)
		assert.Equal(t, c.want, got, "%v", c.pool)
	}
	_, err := ops.Pool{Kernel: ops.Pair{2, 1}, Stride: ops.Pair{1, 1}, Dilation: ops.Pair{huge, 1},
		Pad: ops.Pair{huge / 2, 0}}.OutputSize(ops.Pair{5, 7})
	assert.ErrorContains(t, err, "height: a window of dilation 4611686018427387904 would step over an input of 5")
}
