package npz_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/formats/npz"
	"convgraph/internal/testutil"
)

var update = flag.Bool("update", false, "rewrite the table in docs/corrupt.md")

// TestErrorTable reads the corrupt files of the table in docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	sample, err := os.ReadFile("testdata/sample.npz")
	require.NoError(t, err)
	flipped := append([]byte{}, sample...)
	flipped[200] ^= 1
	read := func(data []byte) error {
		_, err := npz.ReadFile(testutil.WriteFile(t, "net.npz", data))
		return err
	}
	array := func(data []byte) error { return read(zipFile(t, "W1.npy", data)) }
	header := func(descr, shape string, body ...byte) error {
		return array(npyFile("{'descr': '"+descr+"', 'fortran_order': False, 'shape': "+shape+", }", body...))
	}
	text, err := os.ReadFile("testdata/text.npy")
	require.NoError(t, err)
	testutil.CheckErrorTable(t, "npz", *update, []testutil.ErrorCase{
		{What: "empty file", Err: read(nil)},
		{What: "another file", Err: read([]byte("\x89PNG\r\n\x1a\n and so on"))},
		{What: "cut off", Err: read(sample[:len(sample)-30])},
		{What: "a flipped bit", Err: read(flipped)},
		{What: "an entry that is not an array", Err: read(zipFile(t, "readme.txt", []byte("hello")))},
		{What: "an array without its header", Err: array([]byte("junk"))},
		{What: "an array cut off", Err: header("<f4", "(2,)", make([]byte, 7)...)},
		{What: "a shape larger than its data", Err: header("<f4", "(1000000000,)", make([]byte, 8)...)},
		{
			What: "a shape that overflows",
			Err:  header("<f4", "(1000000000, 1000000000, 1000000000)", make([]byte, 8)...),
		},
		{What: "an empty array", Err: header("<f4", "(0,)")},
		{What: "an array of text", Err: array(text)},
		{What: "an array of complex numbers", Err: header("<c16", "(1,)", make([]byte, 16)...)},
	})
}
