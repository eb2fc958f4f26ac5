package torch_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/formats"
	"convgraph/formats/torch"
	"convgraph/internal/testutil"
)

var update = flag.Bool("update", false, "rewrite the table in docs/corrupt.md")

// TestErrorTable reads the corrupt files of the table in docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	sample, err := os.ReadFile("testdata/float32.pt")
	require.NoError(t, err)
	legacy, err := os.ReadFile("testdata/legacy.pth")
	require.NoError(t, err)
	read := func(data []byte) error {
		arrays, err := torch.ReadFile(testutil.WriteFile(t, "net.pt", data))
		if err != nil {
			return err
		}
		return formats.CheckNames(arrays) // as a caller that needs all arrays
	}
	file := func(name string) error {
		_, err := torch.ReadFile("testdata/" + name)
		return err
	}
	edited := func(file, old, new string) error { return read(rezip(t, "float32.pt", replaceIn(t, file, old, new))) }
	gone := rezip(t, "float32.pt", func(name string, body []byte) []byte {
		if name == "data/0" {
			return nil
		}
		return body
	})
	testutil.CheckErrorTable(t, "torch", *update, []testutil.ErrorCase{
		{What: "empty file", Err: read(nil)},
		{What: "another file", Err: read([]byte("\x89PNG\r\n\x1a\n and so on"))},
		{What: "cut off", Err: read(sample[:len(sample)-100])},
		{What: "cut off, in the older form", Err: read(legacy[:len(legacy)-1])},
		{What: "a storage missing", Err: read(gone)},
		{What: "a storage too short", Err: edited("data/0", "\x00\x00\x00\x00", "")},
		{What: "a view beyond its storage", Err: read(rezip(
			t, "views.pt", replaceIn(t, "data.pkl", firstView, "QK\x17K\x04K\x06\x86q\x09K\x06K\x01\x86"),
		))},
		{What: "a tensor that claims to be huge", Err: read(rezip(
			t, "views.pt", replaceIn(t, "data.pkl", firstView, "QK\x00M\xff\xffM\xff\xff\x86q\x09K\x00K\x00\x86"),
		))},
		{What: "a call of os.system", Err: edited("data.pkl", "torch\nFloatStorage", "posix\nsystem")},
		{What: "a whole module instead of its state dict", Err: file("module.pt")},
		{What: "TorchScript", Err: file("script.pt")},
		{What: "a sparse tensor", Err: file("sparse.pt")},
		{What: "a tensor of complex numbers", Err: file("complex.pt")},
	})
}
