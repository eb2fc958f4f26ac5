package dataset_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/internal/testutil"
	"convgraph/train/dataset"
)

func ExampleLoader() {
	set, _ := dataset.NewImages(tensor.Shape{1, 1, 1}, []uint8{0, 10, 20, 30, 40}, []uint8{0, 1, 2, 3, 4}, 10)
	loader, err := dataset.NewLoader(dataset.LoaderOptions{Batch: 2, Workers: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for batch, err := range loader.Epoch(set, []int{4, 2, 0, 1, 3}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.Indices, batch.Labels, len(batch.X), len(batch.T))
	}
	// Output:
	// [4 2] [4 2] 2 20
	// [0 1] [0 1] 2 20
	// [3] [3] 1 10
}

func ExampleInOrder() {
	set, _ := dataset.NewImages(tensor.Shape{1, 1, 1}, []uint8{0, 10, 20, 30, 40}, []uint8{0, 1, 2, 3, 4}, 10)
	for batch, err := range dataset.InOrder(set, 2) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(batch.Indices, batch.Labels)
	}
	// Output:
	// [0 1] [0 1]
	// [2 3] [2 3]
	// [4] [4]
}

func TestInOrderErrors(t *testing.T) {
	set, err := dataset.NewImages(tensor.Shape{1, 1, 1}, []uint8{0}, []uint8{0}, 1)
	require.NoError(t, err)
	batches := 0
	for _, err := range dataset.InOrder(set, 0) {
		batches++
		assert.ErrorContains(t, err, "batch")
	}
	assert.Equal(t, 1, batches)
}

func newLoader(t testing.TB, options dataset.LoaderOptions) *dataset.Loader {
	t.Helper()
	loader, err := dataset.NewLoader(options)
	require.NoError(t, err)
	return loader
}

// collect copies all batches of an epoch.
func collect(t testing.TB, loader *dataset.Loader, ds dataset.Dataset, order []int) (batches []dataset.Minibatch) {
	t.Helper()
	for b, err := range loader.Epoch(ds, order) {
		require.NoError(t, err)
		batches = append(batches, dataset.Minibatch{X: append([]float32{}, b.X...), T: append([]float32{}, b.T...),
			Labels: append([]int{}, b.Labels...), Indices: append([]int{}, b.Indices...)})
	}
	return batches
}

// slow takes a random time for each sample, so that batches are finished out of order.
type slow struct{ dataset.Dataset }

func (s slow) Sample(i int, dst []float32) (int, error) {
	time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
	return s.Dataset.Sample(i, dst)
}

func TestLoaderBatchesDontDependOnWorkers(t *testing.T) {
	set := augmentedSet(t, 1)
	order := rand.New(rand.NewPCG(1, 1)).Perm(12)
	order = append(order, order...)
	order = append(order, 3)
	want := collect(t, newLoader(t, dataset.LoaderOptions{Batch: 4, Workers: 1, Ahead: 1}), set.Epoch(2), order)
	require.Len(t, want, 7)
	for b, batch := range want {
		x, target := make([]float32, len(batch.Indices)*64), make([]float32, len(batch.Indices)*10)
		require.Equal(t, order[4*b:min(4*b+4, 25)], batch.Indices)
		require.NoError(t, dataset.Batch(set.Epoch(2), batch.Indices, x, target))
		assert.Equal(t, x, batch.X)
		assert.Equal(t, target, batch.T)
	}
	for _, workers := range []int{1, 2, 3, 8} {
		for _, ahead := range []int{0, 1, 5} {
			got := collect(t, newLoader(t, dataset.LoaderOptions{Batch: 4, Workers: workers, Ahead: ahead}),
				slow{set.Epoch(2)}, order)
			assert.Equal(t, want, got, "%d workers, %d ahead", workers, ahead)
		}
	}
}

func TestLoaderChangesSets(t *testing.T) {
	loader := newLoader(t, dataset.LoaderOptions{Batch: 3})
	for _, side := range []int{2, 5, 1} {
		set := counting(t, 7, 1, side, side)
		for _, b := range collect(t, loader, set, []int{0, 1, 2, 3, 4, 5, 6}) {
			x := make([]float32, len(b.X))
			require.NoError(t, dataset.Batch(set, b.Indices, x, nil))
			assert.Equal(t, x, b.X)
		}
	}
	assert.Empty(t, collect(t, loader, counting(t, 7, 1, 1, 1), nil), "an empty order")
}

// counter counts the samples that were read.
type counter struct {
	dataset.Dataset
	n *atomic.Int64
}

func (c counter) Sample(i int, dst []float32) (int, error) {
	c.n.Add(1)
	return c.Dataset.Sample(i, dst)
}

func TestLoaderLimitsReadAhead(t *testing.T) {
	var n atomic.Int64
	loader := newLoader(t, dataset.LoaderOptions{Batch: 5, Workers: 4, Ahead: 3})
	seen := 0
	for _, err := range loader.Epoch(counter{counting(t, 10, 1, 1, 1), &n}, make([]int, 100)) {
		require.NoError(t, err)
		seen++
		time.Sleep(2 * time.Millisecond)
		require.LessOrEqual(t, n.Load(), int64(5*(seen+3)))
	}
	assert.Equal(t, 20, seen)
}

func TestLoaderStopsCleanly(t *testing.T) {
	before := runtime.NumGoroutine()
	set := slow{counting(t, 10, 1, 1, 1)}
	loader := newLoader(t, dataset.LoaderOptions{Batch: 5, Workers: 4})
	for stop := range 20 {
		seen := 0
		for _, err := range loader.Epoch(set, make([]int, 50)) {
			require.NoError(t, err)
			if seen == stop {
				break
			}
			seen++
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range loader.Epoch(set, make([]int, 50)) {
			panic("in the middle of a step")
		}
	}()
	assert.LessOrEqual(t, testutil.WaitGoroutines(before), before) // other tests' may have ended meanwhile
	assert.Len(t, collect(t, loader, set, make([]int, 50)), 10, "and works again")
}

func TestLoaderReportsFirstErrorInOrder(t *testing.T) {
	set := counting(t, 50, 1, 1, 1)
	order := make([]int, 50)
	for i := range order {
		order[i] = i
	}
	for _, workers := range []int{1, 4} {
		seen := 0
		var failure error
		loader := newLoader(t, dataset.LoaderOptions{Batch: 5, Workers: workers})
		for batch, err := range loader.Epoch(brokenFrom{set, 23}, order) {
			if failure = err; err == nil {
				seen += len(batch.Labels)
			} else {
				assert.Nil(t, batch)
			}
		}
		assert.ErrorIs(t, failure, errBroken)
		assert.ErrorContains(t, failure, "sample 23: broken")
		assert.Equal(t, 20, seen)
	}
}

// brokenFrom fails from one sample on.
type brokenFrom struct {
	*dataset.Images
	from int
}

func (b brokenFrom) Sample(i int, dst []float32) (int, error) {
	if i >= b.from {
		return 0, errBroken
	}
	return b.Images.Sample(i, dst)
}

// holes is a set whose samples are corrupt where the function says so.
type holes struct {
	*dataset.Images
	corrupt func(i int) bool
}

func (h holes) Sample(i int, dst []float32) (int, error) {
	if h.corrupt(i) {
		return 0, &dataset.CorruptError{Path: fmt.Sprintf("%d.png", i), Err: errBroken}
	}
	return h.Images.Sample(i, dst)
}

func TestLoaderAndCorruptSamples(t *testing.T) {
	set := holes{counting(t, 10, 1, 1, 1), func(i int) bool { return i == 3 || i == 4 || i == 9 }}
	order := []int{3, 4, 9, 1, 9, 9, 5, 3}
	indices := func(onCorrupt dataset.OnCorrupt) (all [][]int) {
		for _, b := range collect(t, newLoader(t, dataset.LoaderOptions{Batch: 2, Workers: 3, OnCorrupt: onCorrupt}),
			set, order) {
			assert.Equal(t, b.Indices, b.Labels, "counting's labels are its indices")
			assert.Len(t, b.X, len(b.Indices))
			assert.Len(t, b.T, 10*len(b.Indices))
			all = append(all, b.Indices)
		}
		return all
	}
	assert.Equal(t, [][]int{{1}, {5}}, indices(dataset.SkipCorrupt), "empty batches are left out")
	assert.Equal(t, [][]int{{5, 5}, {0, 1}, {0, 0}, {5, 5}}, indices(dataset.ReplaceCorrupt))

	for _, err := range newLoader(t, dataset.LoaderOptions{Batch: 2}).Epoch(set, order) {
		assert.EqualError(t, err, "sample 3: corrupt image 3.png: broken")
	}
	set.corrupt = func(int) bool { return true }
	loader := newLoader(t, dataset.LoaderOptions{Batch: 2, OnCorrupt: dataset.ReplaceCorrupt})
	for _, err := range loader.Epoch(set, order) {
		assert.EqualError(t, err, "all 10 images are corrupt")
	}
}

func TestLoaderRefuses(t *testing.T) {
	for want, options := range map[string]dataset.LoaderOptions{
		"batch of 0 samples":        {},
		"-1 workers":                {Batch: 1, Workers: -1},
		"-1 batches ahead":          {Batch: 1, Ahead: -1},
		"got OnCorrupt 3, want 0":   {Batch: 1, OnCorrupt: 3},
		"batch of -5 samples: want": {Batch: -5},
	} {
		_, err := dataset.NewLoader(options)
		assert.ErrorContains(t, err, want)
	}
	set := counting(t, 3, 1, 1, 1)
	loader := newLoader(t, dataset.LoaderOptions{Batch: 1})
	for _, err := range loader.Epoch(set, []int{0, 3}) {
		assert.EqualError(t, err, "loader: index 3 is out of range: the set has 3 samples")
	}
	for _, err := range loader.Epoch(set, []int{0}) {
		require.NoError(t, err)
		for _, err := range loader.Epoch(set, []int{0}) {
			assert.ErrorContains(t, err, "an epoch is in progress already")
		}
	}
	for _, err := range loader.Epoch(faulty{set}, []int{2}) {
		assert.EqualError(t, err, "sample 2: label 12 is out of range: the set has classes 0 to 9")
	}
}

// A batch as a tensor is its images, the last one's too, which is smaller.
func TestMinibatchImages(t *testing.T) {
	loader := newLoader(t, dataset.LoaderOptions{Batch: 4, Workers: 1})
	tensors := map[any]bool{}
	for range 2 {
		for batch, err := range loader.Epoch(counting(t, 50, 2, 3, 1), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			require.NoError(t, err)
			images := batch.Images()
			assert.Equal(t, tensor.Shape{len(batch.Labels), 2, 3, 1}, images.Shape())
			assert.Equal(t, batch.X, images.Float32s())
			assert.Same(t, &batch.X[0], &images.Float32s()[0])
			assert.Same(t, images, batch.Images())
			tensors[images] = true
		}
	}
	assert.LessOrEqual(t, len(tensors), 6, "batches of one size in one memory have one tensor")
}

// An epoch allocates for itself, not for its batches.
func TestLoaderAllocatesNothingPerBatch(t *testing.T) {
	for name, set := range map[string]dataset.Dataset{"plain": counting(t, 12, 1, 10, 10),
		"augmented": augmentedSet(t, 1).Epoch(1)} {
		if testutil.RaceEnabled && name == "augmented" {
			continue // the race detector makes sync.Pool forget on purpose
		}
		loader := newLoader(t, dataset.LoaderOptions{Batch: 4, Workers: 2})
		run := func(batches int) float64 {
			order := make([]int, 4*batches)
			return testing.AllocsPerRun(5, func() {
				for _, err := range loader.Epoch(set, order) {
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		few, many := run(5), run(205)
		assert.InDelta(t, few, many, 10, "%s: 200 batches more; a garbage collection may empty a pool", name)
	}
}

func BenchmarkLoader(b *testing.B) {
	set := counting(b, 1000, 1, 28, 28)
	loader := newLoader(b, dataset.LoaderOptions{Batch: 100})
	order := make([]int, 1000)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range loader.Epoch(set, order) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
