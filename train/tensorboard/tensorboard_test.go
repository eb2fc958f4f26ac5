package tensorboard

import (
	"bytes"
	"context"
	"encoding/binary"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/solver"
)

// TestBytesMatchTensorBoard compares with the bytes that TensorBoard 2.21's RecordWriter writes for
// the same events.
func TestBytesMatchTensorBoard(t *testing.T) {
	at := time.Unix(1700000000, 500_000_000)
	h := bins{min: -1, max: 2, count: 3, sum: 1.5, squares: 5.25, limits: []float64{0.5, 2}, counts: []float64{2, 1}}
	var b bytes.Buffer
	require.NoError(t, writeRecord(&b, newEvent(at, 0).version()))
	require.NoError(t, writeRecord(&b, newEvent(at, 301).start()))
	require.NoError(
		t, writeRecord(&b, newEvent(at, 300).summary(scalar("step/loss", 0.25), histogram("fc1.weight", h))),
	)
	want, err := os.ReadFile(filepath.Join("testdata", "events.tfrecord"))
	require.NoError(t, err)
	assert.Equal(t, want, b.Bytes())
}

func TestCount(t *testing.T) {
	b := count([]float32{1, float32(math.NaN()), -3, 5, float32(math.Inf(1)), 4.9, 5})
	assert.Equal(t, 5, b.count)
	assert.Equal(t, []float64{-3, 5}, []float64{b.min, b.max})
	assert.InDelta(t, 12.9, b.sum, 1e-6)
	assert.InDelta(t, 84.01, b.squares, 1e-5)
	require.Len(t, b.limits, binCount)
	assert.Equal(t, 1., b.counts[0])
	assert.Equal(t, 1., b.counts[20], "1 is the least of the values from 1 to 1.2")
	assert.Equal(t, 3., b.counts[binCount-1])
	assert.InDelta(t, -2.8, b.limits[0], 1e-12)
	assert.Equal(t, 5., b.limits[binCount-1])

	same := count([]float32{2, 2})
	assert.Equal(t, []float64{2}, same.limits)
	assert.Equal(t, []float64{2}, same.counts)
	none := count(nil)
	assert.Equal(t, bins{limits: []float64{0}, counts: []float64{0}}, none)
}

// shown is the content of an event file: for each tag the steps with a value.
type shown struct {
	steps    map[string][]uint64
	start    uint64
	pictures [][]byte
}

// TestBoard trains a network with a convolution for two epochs of two steps, then resumes for a
// third from its checkpoint.
func TestBoard(t *testing.T) {
	dir, checkpoints := filepath.Join(t.TempDir(), "board"), t.TempDir()
	run(t, dir, checkpoints, 2, nil)
	first := read(t, dir)
	assert.Equal(t, []uint64{1, 2, 3, 4}, first.steps["step/loss"])
	assert.Equal(t, []uint64{2, 4}, first.steps["epoch/test accuracy"])
	assert.Equal(t, []uint64{0, 2, 4}, first.steps["filters/conv1.weight"])
	assert.Equal(t, []uint64{0, 2, 4}, first.steps["parameters/conv1.weight"])
	assert.Equal(t, []uint64{0, 2, 4}, first.steps["parameters/fc1.bias"])
	assert.Zero(t, first.start)
	for _, p := range first.pictures {
		_, err := png.Decode(bytes.NewReader(p))
		assert.NoError(t, err)
	}
	assert.Len(t, first.pictures, 3)

	require.NoError(t, os.RemoveAll(dir))
	resume, err := train.LatestCheckpoint(checkpoints, nil)
	require.NoError(t, err)
	run(t, dir, checkpoints, 3, resume)
	second := read(t, dir)
	assert.Equal(t, []uint64{5, 6}, second.steps["step/learning rate"])
	assert.EqualValues(t, 5, second.start)
}

func TestRejectsFileAsFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	b := New(filepath.Join(file, "board"))
	assert.ErrorContains(t, b.TrainBegin(&train.State{}), "tensorboard: ")
	assert.NoError(t, b.Close())
}

func run(t *testing.T, dir, checkpoints string, epochs int, resume *train.Checkpoint) {
	t.Helper()
	m, err := graph.New(graph.Sequential("tiny", tensor.Shape{1, 3, 3}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(2)}, graph.Affine{Units: 2}, graph.Softmax{}))
	require.NoError(t, err)
	sgd, err := solver.New("sgd", solver.Config{LR: 0.1})
	require.NoError(t, err)
	ds, err := dataset.NewImages(tensor.Shape{1, 3, 3}, make([]uint8, 4*9), []uint8{0, 1, 0, 1}, 2)
	require.NoError(t, err)
	tr := train.NewTrainer(m, sgd, ds, ds)
	tr.Epochs, tr.Batch, tr.Resume = epochs, 2, resume
	tr.Callbacks = []train.Callback{New(dir), train.Checkpoints{Dir: checkpoints}}
	_, err = tr.Run(context.Background())
	require.NoError(t, err)
}

// read parses the folder's only file and checks its frames.
func read(t *testing.T, dir string) shown {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	data, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	s := shown{steps: map[string][]uint64{}}
	for len(data) > 0 {
		n := binary.LittleEndian.Uint64(data)
		require.Equal(t, maskedCRC(data[:8]), binary.LittleEndian.Uint32(data[8:]))
		record := data[12 : 12+n]
		require.Equal(t, maskedCRC(record), binary.LittleEndian.Uint32(data[12+n:]))
		s.event(t, record)
		data = data[16+n:]
	}
	return s
}

func (s *shown) event(t *testing.T, record []byte) {
	fields := message(t, record)
	var step uint64
	if len(fields[2]) > 0 {
		step, _ = protowire.ConsumeVarint(fields[2][0])
	}
	if len(fields[7]) > 0 {
		s.start = step
	}
	for _, summary := range fields[5] {
		for _, v := range message(t, summary)[1] {
			value := message(t, v)
			tag := string(value[1][0])
			s.steps[tag] = append(s.steps[tag], step)
			for _, p := range value[4] {
				s.pictures = append(s.pictures, message(t, p)[4][0])
			}
		}
	}
}

// message holds the fields of a protocol buffer with their undecoded contents.
func message(t *testing.T, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	fields := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		require.Positive(t, n)
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		require.Positive(t, size)
		content := b[n : n+size]
		if kind == protowire.BytesType {
			content, _ = protowire.ConsumeBytes(content)
		}
		fields[number] = append(fields[number], content)
		b = b[n+size:]
	}
	return fields
}
