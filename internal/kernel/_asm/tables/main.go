// Command tables writes the Go tables of the package's amd64 assembly, the same table for each
// instruction set. Run it by `go generate` in the package's folder.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"go/format"
	"log"
	"os"
	"text/template"
)

// isa is an instruction set. The numbers are those of the simd values that write the assembly.
type isa struct {
	Name    string // suffix of the functions
	Go      string // prefix of the table's name
	Lanes   int    // of a float32 vector
	Rows    int    // most rows of a tile
	DotTile int    // most rows and columns of dot products at once
	TapDots int    // most taps of one tapDots

	HalfRows int // most rows of a tile of half a vector, with an A that isn't packed

	RowsPlane, TurnedBatch int // measured: see engine
}

var isas = []isa{
	{
		Name: "AVX2", Go: "avx2", Lanes: 8, Rows: 6, DotTile: 3, TapDots: 6, HalfRows: 12,
		RowsPlane: 256, TurnedBatch: 128,
	},
	{
		Name: "AVX512", Go: "avx512", Lanes: 16, Rows: 14, DotTile: 5, TapDots: 6, HalfRows: 12,
		TurnedBatch: 64,
	},
}

//go:embed tables.go.tmpl
var text string

func main() {
	out := flag.String("out", "", "file to write")
	flag.Parse()
	if err := write(*out); err != nil {
		log.Fatal(err)
	}
}

func write(path string) error {
	funcs := template.FuncMap{"to": to}
	t, err := template.New("tables").Funcs(funcs).Parse(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, isas); err != nil {
		return err
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(path, source, 0o644)
}

// to returns 1, …, n.
func to(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i + 1
	}
	return s
}
