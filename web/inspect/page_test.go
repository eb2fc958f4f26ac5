package inspect_test

import (
	"bytes"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/insight"
	"convgraph/models"
	"convgraph/picture"
	"convgraph/web/inspect"
)

// TestPageShowsThePythonProgram: the page and docs/pictures.md show the same program.
func TestPageShowsThePythonProgram(t *testing.T) {
	page, err := os.ReadFile("assets/index.html")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(page), "<pre>")
	shown, _, _ := strings.Cut(after, "</pre>")
	program, err := os.ReadFile("../../onnx/testdata/predict_export.py")
	require.NoError(t, err)
	assert.Equal(t, string(program), html.UnescapeString(shown))
}

func TestNewRefuses(t *testing.T) {
	_, err := inspect.New(nil, nil)
	assert.EqualError(t, err, "inspect: got no snapshots, want at least one")

	small, check := newModel(t, models.DefaultSimpleConvNet().Spec(), 1),
		newModel(t, models.GradientCheckNet().Spec(), 1)
	_, err = inspect.New([]inspect.Snapshot{{Label: "a", Model: small}, {Label: "b", Model: check}}, nil)
	assert.EqualError(t, err, `inspect: snapshot "b" is of another network than "a": want snapshots of one`)

	double, err := graph.New(models.GradientCheckNet().Spec(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	_, err = inspect.New([]inspect.Snapshot{{Label: "a", Model: double}}, nil)
	assert.EqualError(t, err, `inspect: snapshot "a": got float64, want float32`)
}

func TestFiles(t *testing.T) {
	h := serve(t, newModel(t, models.GradientCheckNet().Spec(), 1))
	for path, kind := range map[string]string{
		"/":                    "text/html; charset=utf-8",
		"/inspect/inspect.css": "text/css; charset=utf-8",
		"/inspect/inspect.js":  "text/javascript; charset=utf-8",
		"/inspect/samples.png": "image/png",
		"/inspect/icon.svg":    "image/svg+xml",
	} {
		w := request(h, http.MethodGet, path, nil)
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Equal(t, kind, w.Header().Get("Content-Type"), path)
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'", path)
	}
	assert.Equal(t, http.StatusNotFound, request(h, http.MethodGet, "/elsewhere", nil).Code)
	samples, err := png.Decode(request(h, http.MethodGet, "/inspect/samples.png", nil).Body)
	require.NoError(t, err)
	assert.Equal(t, image.Pt(280, 28), samples.Bounds().Size())
}

type layer struct {
	Name   string
	Kind   string
	Reads  []string
	Output struct{ Maps, Height, Width int }
	Shown  int
}

type network struct {
	Name      string
	Digits    bool
	Pictures  string
	Classes   []string
	Snapshots []string
	Layers    []layer
	Nodes     []struct {
		ID            int
		Label         string
		Shape, Inputs []int
	}
}

func TestNetwork(t *testing.T) {
	spec := models.DefaultSimpleConvNet().Spec()
	n := decode[network](t, request(serve(t, newModel(t, spec, 1), newModel(t, spec, 2)), http.MethodGet,
		"/api/network", nil))
	assert.Equal(t, "simpleconvnet", n.Name)
	assert.True(t, n.Digits)
	assert.Empty(t, n.Pictures)
	assert.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, n.Classes)
	assert.Equal(t, []string{"on", "later on"}, n.Snapshots)
	require.Len(t, n.Layers, 7)
	want := layer{Name: "conv1", Kind: "conv2d", Reads: []string{"input"}, Shown: 30}
	want.Output.Maps, want.Output.Height, want.Output.Width = 30, 24, 24
	assert.Equal(t, want, n.Layers[0])
	require.NotEmpty(t, n.Nodes)
	assert.Equal(t, "x", n.Nodes[0].Label)
	assert.NotNil(t, n.Nodes[0].Inputs, "a list, not null")

	spec.ClassNames = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	n = decode[network](t, request(serve(t, newModel(t, spec, 1)), http.MethodGet, "/api/network", nil))
	assert.Equal(t, spec.ClassNames, n.Classes)
}

// Large layers show their first maps, and a network that takes no pictures says so.
func TestNetworkLimits(t *testing.T) {
	spec := graph.Sequential("large", tensor.Shape{2, 6, 6}, graph.He(),
		graph.Conv2D{Filters: 100, Kernel: graph.Square(3)}, graph.LRN{Size: 5, K: 2, Alpha: 1e-4, Beta: 0.75},
		graph.Affine{Units: 5000})
	n := decode[network](t, request(serve(t, newModel(t, spec, 1)), http.MethodGet, "/api/network", nil))
	assert.Equal(t, []int{64, 64, 4096}, []int{n.Layers[0].Shown, n.Layers[1].Shown, n.Layers[2].Shown})
	assert.NotEmpty(t, n.Pictures)
	assert.False(t, n.Digits)

	vast := graph.Sequential("vast", tensor.Shape{1, 600, 600}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(1)})
	n = decode[network](t, request(serve(t, newModel(t, vast, 1)), http.MethodGet, "/api/network", nil))
	assert.Equal(t, 1, n.Layers[0].Shown)
}

// The answer has the kernels' own numbers, bit for bit.
func TestForward(t *testing.T) {
	spec := models.DefaultSimpleConvNet().Spec()
	all := []*graph.Model{newModel(t, spec, 1), newModel(t, spec, 2)}
	h := serve(t, all...)
	x := noise(all[0])
	for i, url := range []string{"/api/forward?form=values&snapshot=0", "/api/forward?form=values&snapshot=1"} {
		w := request(h, http.MethodPost, url, asBytes(x))
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		want := slices.Concat(append([][]float32{x}, activations(t, all[i], x)...)...)
		assert.Equal(t, asBytes(want), w.Body.Bytes())
		assert.Regexp(t, `^forward;dur=\d+\.\d{3}$`, w.Header().Get("Server-Timing"))
	}
}

func TestForwardSendsTheFirstMaps(t *testing.T) {
	m := newModel(t, graph.Sequential("wide", tensor.Shape{1, 6, 6}, graph.He(),
		graph.Conv2D{Filters: 70, Kernel: graph.Square(3)}, graph.Affine{Units: 3}), 1)
	x := noise(m)
	got := asFloats(t, request(serve(t, m), http.MethodPost, "/api/forward?form=values&snapshot=0",
		asBytes(x)).Body.Bytes())
	a := activations(t, m, x)
	assert.Equal(t, slices.Concat(x, a[0][:64*16], a[1]), got)
}

// Drawings and pictures are prepared by picture.Digit.
func TestForwardOfDrawings(t *testing.T) {
	h := serve(t, newModel(t, models.DefaultSimpleConvNet().Spec(), 1))
	ink := image.NewGray(image.Rect(0, 0, 112, 112))
	paper := image.NewRGBA(image.Rect(0, 0, 90, 60))
	for i := range paper.Pix {
		paper.Pix[i] = 255
	}
	for y := 20; y < 50; y++ {
		for x := 40; x < 46; x++ {
			ink.SetGray(x, 2*y, color.Gray{Y: 255})
			ink.SetGray(x, 2*y+1, color.Gray{Y: 255})
			paper.Set(x, y, color.RGBA{B: 120, A: 255})
		}
	}
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, paper))
	for form, sent := range map[string]struct {
		img  image.Image
		ink  picture.Ink
		body []byte
	}{"ink": {ink, picture.Light, ink.Pix}, "picture": {paper, picture.Detect, file.Bytes()}} {
		want, err := picture.Digit(sent.img, sent.ink)
		require.NoError(t, err)
		got := asFloats(t, request(h, http.MethodPost, "/api/forward?snapshot=0&form="+form, sent.body).Body.Bytes())
		assert.Equal(t, want.Pixels, got[:28*28], form)
	}
	blank := asFloats(t, request(h, http.MethodPost, "/api/forward?snapshot=0&form=ink",
		make([]byte, 112*112)).Body.Bytes())
	assert.Equal(t, make([]float32, 28*28), blank[:28*28], "nothing drawn is nothing, not an error")
}

func TestFilters(t *testing.T) {
	type filters struct {
		Layer                      string
		Count, Maps, Height, Width int
		Weights                    []float32
	}
	spec := models.DefaultSimpleConvNet().Spec()
	all := []*graph.Model{newModel(t, spec, 1), newModel(t, spec, 2)}
	h := serve(t, all...)
	for i, url := range []string{"/api/filters?snapshot=0", "/api/filters?snapshot=1"} {
		weight, err := all[i].Param("conv1.weight")
		require.NoError(t, err)
		assert.Equal(t, filters{"conv1", 30, 1, 5, 5, weight.Float32s()},
			decode[filters](t, request(h, http.MethodGet, url, nil)))
	}
	normalized := newModel(t, graph.Sequential("normalized", tensor.Shape{1, 6, 6}, graph.He(),
		graph.Normalize{Mean: []float64{0.5}, Std: []float64{0.3}},
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}), 1)
	assert.Equal(t, 2, decode[filters](t,
		request(serve(t, normalized), http.MethodGet, "/api/filters?snapshot=0", nil)).Count)
	plain := newModel(t, graph.Sequential("plain", tensor.Shape{4}, graph.He(), graph.Affine{Units: 2}), 1)
	assert.Zero(t, decode[filters](t, request(serve(t, plain), http.MethodGet, "/api/filters?snapshot=0", nil)).Count)
}

func TestBadRequests(t *testing.T) {
	h := serve(t, newModel(t, models.DefaultSimpleConvNet().Spec(), 1))
	x := make([]float32, 28*28)
	good := asBytes(x)
	x[5] = float32(math.NaN())
	nan := asBytes(x)
	x[5] = float32(math.Inf(-1))
	infinite := asBytes(x)
	const forward, explain = "/api/forward?snapshot=0&form=", "/api/explain?snapshot=0&"
	for _, c := range []struct {
		name, method, url string
		body              []byte
		status            int
		says              string
	}{
		{"wrong method", http.MethodGet, forward + "values", nil, 405, "GET /api/forward: want POST"},
		{"wrong method", http.MethodPost, "/api/network", nil, 405, "POST /api/network: want GET"},
		{"no snapshot", http.MethodPost, "/api/forward?form=values", good, 400,
			`snapshot: got "", want a whole number from 0 to 0`},
		{"snapshot beyond", http.MethodGet, "/api/filters?snapshot=1", nil, 400,
			`snapshot: got "1", want a whole number from 0 to 0`},
		{"snapshot below", http.MethodPost, "/api/forward?form=values&snapshot=-1", good, 400, `snapshot: got "-1"`},
		{"unknown form", http.MethodPost, forward + "words", good, 400,
			`form: got "words", want values, ink or picture`},
		{"too few values", http.MethodPost, forward + "values", good[:40], 400,
			"the body: got 40 bytes, want 3136, a little-endian float32 for each value of (1, 28, 28)"},
		{"too many values", http.MethodPost, forward + "values", append(slices.Clone(good), 0), 413,
			"the body is larger than 3136 bytes"},
		{"huge body", http.MethodPost, forward + "picture", make([]byte, 8<<20+1), 413,
			"the body is larger than 8388608 bytes"},
		{"huge drawing", http.MethodPost, forward + "ink", make([]byte, 513*513), 413,
			"the body is larger than 262144 bytes"},
		{"NaN", http.MethodPost, forward + "values", nan, 400, "value 5: got NaN, want finite numbers"},
		{"infinity", http.MethodPost, forward + "values", infinite, 400, "value 5: got -Inf, want finite numbers"},
		{"no square", http.MethodPost, forward + "ink", make([]byte, 112*111), 400,
			"the drawing: got 12432 bytes, want a square of at most 512×512, a byte a pixel"},
		{"no drawing", http.MethodPost, forward + "ink", nil, 400, "the drawing: got 0 bytes"},
		{"no picture", http.MethodPost, forward + "picture", []byte("hello"), 400,
			"picture: got a file that starts with 68 65 6c 6c, want PNG, JPEG, GIF, WebP, BMP or TIFF"},
		{"unknown layer", http.MethodPost, explain + "layer=conv9&map=0&row=0&column=0", good, 400,
			`no layer is called "conv9": see /api/network`},
		{"map beyond", http.MethodPost, explain + "layer=conv1&map=30&row=0&column=0", good, 400,
			`map: got "30", want a whole number from 0 to 29`},
		{"row beyond", http.MethodPost, explain + "layer=conv1&map=0&row=24&column=0", good, 400,
			`row: got "24", want a whole number from 0 to 23`},
		{"column below", http.MethodPost, explain + "layer=conv1&map=0&row=0&column=-1", good, 400, `column: got "-1"`},
		{"no cell", http.MethodPost, explain + "layer=conv1", good, 400, `map: got ""`},
		{"explain NaN", http.MethodPost, explain + "layer=conv1&map=0&row=0&column=0", nan, 400, "value 5: got NaN"},
		{"explain nothing", http.MethodPost, explain + "layer=conv1&map=0&row=0&column=0", nil, 400,
			"the body: got 0 bytes"},
	} {
		w := request(h, c.method, c.url, c.body)
		assert.Equal(t, c.status, w.Code, c.name)
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"), c.name)
		assert.Contains(t, errorOf(t, w.Body.Bytes()), c.says, c.name)
	}
	assert.Equal(t, http.MethodPost, request(h, http.MethodGet, forward+"values", nil).Header().Get("Allow"))
}

// Concurrent requests get the same answers as single ones.
func TestManyReaders(t *testing.T) {
	m := newModel(t, models.DefaultSimpleConvNet().Spec(), 1)
	h := serve(t, m)
	body := asBytes(noise(m))
	const forward, explain = "/api/forward?form=values&snapshot=0",
		"/api/explain?snapshot=0&layer=conv1&map=3&row=4&column=5"
	wantForward, wantExplain := request(h, http.MethodPost, forward, body).Body.Bytes(),
		request(h, http.MethodPost, explain, body).Body.Bytes()
	var readers sync.WaitGroup
	for range 24 {
		readers.Go(func() {
			assert.Equal(t, wantForward, request(h, http.MethodPost, forward, body).Body.Bytes())
			assert.Equal(t, wantExplain, request(h, http.MethodPost, explain, body).Body.Bytes())
		})
	}
	readers.Wait()
}

// Slow senders don't block other requests.
func TestSlowSenders(t *testing.T) {
	m := newModel(t, models.GradientCheckNet().Spec(), 1)
	h := serve(t, m)
	const forward = "/api/forward?form=values&snapshot=0"
	hold := make(chan struct{})
	var slow sync.WaitGroup
	for range runtime.GOMAXPROCS(0) + 2 {
		body, send := io.Pipe()
		slow.Go(func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, forward, body))
		})
		slow.Go(func() {
			_, err := send.Write(make([]byte, 4)) // returns when the handler is reading
			assert.NoError(t, err)
			<-hold
			assert.NoError(t, send.Close())
		})
	}
	answered := make(chan int, 1)
	go func() { answered <- request(h, http.MethodPost, forward, asBytes(noise(m))).Code }()
	select {
	case code := <-answered:
		assert.Equal(t, http.StatusOK, code)
	case <-time.After(2 * time.Minute):
		t.Error("no answer while others send slowly")
	}
	close(hold)
	slow.Wait()
}

// TestHeat: the answer is package insight's heat map, and bad parameters are refused.
func TestHeat(t *testing.T) {
	spec := models.DefaultSimpleConvNet().Spec()
	m := newModel(t, spec, 1)
	h := serve(t, m)
	x := make([]float32, 28*28)
	for i := range x {
		x[i] = float32(i%7) / 7
	}
	want, err := insight.GradCAM.Heat(m, x, 3, insight.Options{})
	require.NoError(t, err)
	w := request(h, http.MethodPost, "/api/heat?snapshot=0&method=grad-cam&class=3", asBytes(x))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Equal(t, want.Values, asFloats(t, w.Body.Bytes()))
	for query, text := range map[string]string{
		"snapshot=0&method=guess&class=3":     "method: got \\\"guess\\\", want one of",
		"snapshot=0&method=grad-cam&class=10": "class: got",
		"snapshot=1&method=grad-cam&class=1":  "snapshot: got",
	} {
		w := request(h, http.MethodPost, "/api/heat?"+query, asBytes(x))
		assert.Equal(t, http.StatusBadRequest, w.Code, query)
		assert.Contains(t, w.Body.String(), text)
	}
	flat := graph.Sequential("flat", tensor.Shape{1, 2, 2}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	got := decode[struct{ Methods []string }](t,
		request(serve(t, newModel(t, flat, 1)), http.MethodGet, "/api/network", nil))
	assert.Equal(t, []string{"gradient", "integrated-gradients", "smoothgrad", "occlusion"}, got.Methods,
		"no maps to weigh")
	maps := graph.Sequential("maps", tensor.Shape{1, 4, 4}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)})
	got = decode[struct{ Methods []string }](t,
		request(serve(t, newModel(t, maps, 1)), http.MethodGet, "/api/network", nil))
	assert.Empty(t, got.Methods)
}
