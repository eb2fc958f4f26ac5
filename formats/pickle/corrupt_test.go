package pickle_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/formats/pickle"
	"convgraph/internal/testutil"
)

var update = flag.Bool("update", false, "rewrite the table in docs/corrupt.md")

// TestErrorTable reads the corrupt files of the table in docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	sample, err := os.ReadFile("testdata/params4.pkl")
	require.NoError(t, err)
	read := func(data string) error {
		_, err := pickle.ReadFile(testutil.WriteFile(t, "params.pkl", []byte(data)))
		return err
	}
	file := func(name string) error {
		_, err := pickle.ReadFile("testdata/" + name)
		return err
	}
	testutil.CheckErrorTable(t, "pickles", *update, []testutil.ErrorCase{
		{What: "empty file", Err: read("")},
		{What: "another file", Err: read("PK\x03\x04 and so on")},
		{What: "cut off", Err: read(string(sample[:len(sample)-20]))},
		{What: "trailing bytes", Err: read(string(sample) + "and so on")},
		{What: "a call of os.system", Err: read("\x80\x02cos\nsystem\nU\x02ls\x85R.")},
		{What: "the same by STACK_GLOBAL", Err: read("\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93.")},
		{What: "a built-in function", Err: file("function.pkl")},
		{What: "NumPy's matrix", Err: file("matrix.pkl")},
		{What: "an array of objects", Err: file("object.pkl")},
		{What: "an array of text", Err: file("text.pkl")},
		{
			What: "a shape larger than its data",
			Err:  read(string(array("U\x01b", "U\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", 2))),
		},
		{What: "a length past the end", Err: read("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.")},
		{What: "a list that contains itself", Err: read("\x80\x02]q\x00h\x00a.")},
		{What: "Python 2's oldest protocol", Err: read("(dp0\n.")},
	})
}
