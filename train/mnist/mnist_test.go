package mnist

import (
	"crypto/md5"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
)

func ExampleLoad() {
	train, test, err := Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float32, train.Shape().TotalSize())
	label, err := train.Sample(0, x)
	fmt.Println(train.Len(), test.Len(), train.Shape(), train.Classes(), label, err)
	// Output: 60000 10000 (1, 28, 28) 10 5 <nil>
}

func TestFilesAreLeCuns(t *testing.T) {
	for name, want := range map[string]string{
		"train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
		"train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
		"t10k-images-idx3-ubyte.gz":  "9fb629c4189551a2d022fa330f9573f3",
		"t10k-labels-idx1-ubyte.gz":  "ec29112dd5afa0611ce80d1b7f02629c",
	} {
		data, err := files.ReadFile("data/" + name)
		require.NoError(t, err)
		assert.Equal(t, want, fmt.Sprintf("%x", md5.Sum(data)), name)
	}
}

// The counts of each digit among the test images and the mean of their pixels are those of LeCun's
// files.
func TestContents(t *testing.T) {
	train, test, err := Load()
	require.NoError(t, err)
	require.Equal(t, tensor.Shape{1, 28, 28}, train.Shape())
	require.Equal(t, tensor.Shape{1, 28, 28}, test.Shape())
	var counts [10]int
	mean := 0.0
	x := make([]float32, 28*28)
	for i := range test.Len() {
		label, err := test.Sample(i, x)
		require.NoError(t, err)
		counts[label]++
		for _, v := range x {
			mean += float64(v)
		}
	}
	assert.Equal(t, [10]int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}, counts)
	assert.InDelta(t, 0.1325, mean/float64(test.Len()*28*28), 0.00005)
}

func TestLoadDecodesOnce(t *testing.T) {
	first, _, err := Load()
	require.NoError(t, err)
	again, _, err := Load()
	require.NoError(t, err)
	assert.Same(t, first, again)
}

func BenchmarkDecode(b *testing.B) {
	for b.Loop() {
		for _, prefix := range []string{"train", "t10k"} {
			if _, err := read(prefix); err != nil {
				b.Fatal(err)
			}
		}
	}
}
