package safetensors_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/formats/safetensors"
	"convgraph/internal/testutil"
)

var update = flag.Bool("update", false, "rewrite the table in docs/corrupt.md")

// TestErrorTable reads the corrupt files of the table in docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	sample, err := os.ReadFile("testdata/sample.safetensors")
	require.NoError(t, err)
	read := func(data []byte) error {
		_, _, err := safetensors.ReadFile(testutil.WriteFile(t, "net.safetensors", data))
		return err
	}
	one := func(entry string, body ...byte) error { return read(file(`{"w":{`+entry+`}}`, body...)) }
	testutil.CheckErrorTable(t, "safetensors", *update, []testutil.ErrorCase{
		{What: "empty file", Err: read(nil)},
		{What: "cut off in its header", Err: read(sample[:100])},
		{What: "cut off in its data", Err: read(sample[:len(sample)-1])},
		{What: "trailing bytes", Err: read(append(sample, 0))},
		{What: "another file", Err: read([]byte("PK\x03\x04\x00\x00\x00\x00 and so on"))},
		{What: "a header of a terabyte", Err: read(binary.LittleEndian.AppendUint64(nil, 1<<40))},
		{What: "a header that isn't JSON", Err: read(file("hello"))},
		{What: "a header of broken JSON", Err: read(file(`{"w":`))},
		{What: "one name twice", Err: read(file(
			`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`,
			0,
		))},
		{
			What: "a shape larger than its data",
			Err:  one(`"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]`, 0, 0, 0, 0),
		},
		{
			What: "a shape that overflows",
			Err:  one(`"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]`, 0, 0, 0, 0),
		},
		{What: "data past the end", Err: one(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`, 0, 0, 0, 0)},
		{What: "300,000 names", Err: read(file(names(300_000)))},
		{What: "an empty array", Err: one(`"dtype":"F32","shape":[0],"data_offsets":[0,0]`)},
		{What: "a type that isn't read", Err: one(`"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]`, 0)},
	})
}

// names is a header of n arrays.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}`, i, i, i+1)
	}
	return "{" + b.String()[1:] + "}"
}
