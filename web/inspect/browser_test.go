//go:build browser

package inspect_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/picture"
	"convgraph/train/mnist"
	"convgraph/web/inspect"
	"convgraph/web/internal/browser"
	"convgraph/web/ui"
)

// show opens the page of the snapshots and waits for its first update.
func show(t *testing.T, snapshots []inspect.Snapshot) *browser.Tab {
	p, err := inspect.New(snapshots, nil)
	require.NoError(t, err)
	mux := http.NewServeMux()
	ui.Register(mux)
	p.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b := browser.Open(t, server.URL)
	b.Wait("document.documentElement.dataset.updates > 0")
	return b
}

func showDefault(t *testing.T) (*browser.Tab, []inspect.Snapshot) {
	snapshots, err := inspect.Default()
	require.NoError(t, err)
	return show(t, snapshots), snapshots
}

// seven returns the test image that the page shows first.
func seven(t *testing.T) []float32 {
	_, test, err := mnist.Load()
	require.NoError(t, err)
	x := make([]float32, 28*28)
	for i := range test.Len() {
		label, err := test.Sample(i, x)
		require.NoError(t, err)
		if label == 7 {
			return x
		}
	}
	require.Fail(t, "no 7")
	return nil
}

// percentages formats probabilities like the page.
func percentages(probabilities []float32) (all []string) {
	for _, p := range probabilities {
		switch {
		case p < 1 && p >= 0.9995:
			all = append(all, "> 99.9%")
		case p > 0 && p < 0.0005:
			all = append(all, "< 0.1%")
		default:
			all = append(all, fmt.Sprintf("%.1f%%", 100*float64(p)))
		}
	}
	return all
}

const shares = `[...document.querySelectorAll(".bar-share")].map((e) => e.textContent)`

// waitForShares waits until the bars show the model's probabilities for x.
func waitForShares(t *testing.T, b *browser.Tab, m *graph.Model, x []float32) {
	t.Helper()
	a := activations(t, m, x)
	want := percentages(a[len(a)-1])
	b.Wait(fmt.Sprintf("JSON.stringify(%s) === %q", shares, `["`+strings.Join(want, `","`)+`"]`))
	best := slices.Index(a[len(a)-1], slices.Max(a[len(a)-1]))
	assert.Equal(t, fmt.Sprint(best), browser.Eval[string](b, `document.getElementById("verdict").textContent`))
}

// drawn returns the input made from the ink on the pad.
func drawn(t *testing.T, b *browser.Tab) []float32 {
	ink := browser.Eval[[]int](b, `(() => {
		const small = document.createElement("canvas");
		small.width = small.height = 112;
		const c = small.getContext("2d", { willReadFrequently: true });
		c.drawImage(document.getElementById("pad"), 0, 0, 112, 112);
		return [...c.getImageData(0, 0, 112, 112).data].filter((_, i) => i % 4 === 0);
	})()`)
	img := image.NewGray(image.Rect(0, 0, 112, 112))
	for i, v := range ink {
		img.Pix[i] = uint8(v)
	}
	d, err := picture.Digit(img, picture.Light)
	require.NoError(t, err)
	return d.Pixels
}

var sevenStroke = [][2]float64{{0.25, 0.2}, {0.4, 0.2}, {0.55, 0.2}, {0.72, 0.2}, {0.65, 0.35}, {0.58, 0.5},
	{0.52, 0.65}, {0.46, 0.82}}

// A stroke is read while it is drawn, and the page shows the model's own probabilities.
func TestBrowserReadsAStroke(t *testing.T) {
	b, snapshots := showDefault(t)
	after := snapshots[len(snapshots)-1].Model
	waitForShares(t, b, after, seven(t))

	b.Click("#clear", 0.5, 0.5)
	b.Wait(`document.getElementById("verdict").textContent === "–"`)
	b.Drag("#pad", sevenStroke...)
	b.Wait(`document.getElementById("verdict").textContent === "7"`)
	waitForShares(t, b, after, drawn(t, b))
	b.Wait(`document.getElementById("spoken").textContent.startsWith("Reads 7, ")`)

	var milliseconds []float64
	for i := range 20 {
		before := browser.Eval[string](b, "document.documentElement.dataset.updates")
		x := 0.3 + 0.02*float64(i)
		b.Drag("#pad", [2]float64{x, 0.9})
		b.Wait("document.documentElement.dataset.updates !== " + fmt.Sprintf("%q", before))
		milliseconds = append(milliseconds, browser.Eval[float64](b,
			"Number(document.documentElement.dataset.milliseconds)"))
	}
	slices.Sort(milliseconds)
	t.Logf("from the hand to the last map: least %.1f ms, median %.1f ms", milliseconds[0],
		milliseconds[len(milliseconds)/2])
}

const gridValues = `[...document.querySelectorAll('[data-grid="%s"] span')].map((e) => Number(e.dataset.exact))`

func grid(b *browser.Tab, name string) []float32 {
	return browser.Eval[[]float32](b, fmt.Sprintf(gridValues, name))
}

func shown(b *browser.Tab, name string) float32 {
	return browser.Eval[float32](b,
		fmt.Sprintf(`Number(document.querySelector('#explanation [data-number="%s"]').dataset.exact)`, name))
}

// pointAt points at a layer's maps, waits for the explanation, and returns its cell.
func pointAt(t *testing.T, b *browser.Tab, layer string, x, y float64) (m, row, column int) {
	t.Helper()
	b.Point(fmt.Sprintf(`[id="layer-%s"] canvas`, layer), x, y)
	b.Wait(fmt.Sprintf(`(document.documentElement.dataset.selected ?? "").startsWith("%s ")`, layer))
	return explained(t, b, layer)
}

// explained waits for the explanation of the selected cell.
func explained(t *testing.T, b *browser.Tab, layer string) (m, row, column int) {
	t.Helper()
	b.Wait(`(document.getElementById("explanation").dataset.cell ?? ` +
		`"").startsWith(document.documentElement.dataset.selected + " ")`)
	_, err := fmt.Sscanf(browser.Eval[string](b, "document.documentElement.dataset.selected"), layer+" %d %d %d", &m,
		&row, &column)
	require.NoError(t, err)
	return m, row, column
}

// An explanation's numbers are the model's own parameters, activations and outputs.
func TestBrowserExplainsACell(t *testing.T) {
	b, snapshots := showDefault(t)
	model, x := snapshots[len(snapshots)-1].Model, seven(t)
	a := activations(t, model, x)
	layers := model.Summary().Layers
	at := func(i, m, row, column int) float32 {
		if s := layers[i].Output; s.Dims() == 3 {
			return a[i][(m*s[1]+row)*s[2]+column]
		}
		return a[i][m]
	}

	m, row, column := pointAt(t, b, "conv1", 0.45, 0.8)
	weight, err := model.Param("conv1.weight")
	require.NoError(t, err)
	bias, err := model.Param("conv1.bias")
	require.NoError(t, err)
	var window, products []float32
	filter := weight.Float32s()[m*25 : (m+1)*25]
	sum := 0.0
	for k, w := range filter {
		v := x[(row+k/5)*28+column+k%5]
		window, products = append(window, v), append(products, v*w)
		sum += float64(v) * float64(w)
	}
	assert.Equal(t, window, grid(b, "inputs"))
	assert.Equal(t, filter, grid(b, "weights"))
	assert.Equal(t, products, grid(b, "products"))
	assert.Equal(t, at(0, m, row, column), shown(b, "value"), "the kernel's own output, to the bit")
	assert.Equal(t, bias.Float32s()[m], shown(b, "bias"))
	assert.InDelta(t, sum, shown(b, "sum"), 1e-5)
	assert.InDelta(t, shown(b, "value"), shown(b, "total"), 1e-5)
	assert.Positive(t, browser.Eval[int](b, `(() => {
		const c = document.querySelector("#layer-input canvas");
		const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
		let blue = 0;
		for (let i = 0; i < data.length; i += 4) blue += data[i + 2] > data[i] + 100;
		return blue;
	})()`), "the window is marked in the picture")

	for i, l := range layers {
		m, row, column := pointAt(t, b, l.Name, 0.53, 0.85)
		assert.Equal(t, at(i, m, row, column), shown(b, "value"), l.Name)
		switch l.Name {
		case "pool1":
			window := grid(b, "inputs")
			assert.Len(t, window, 4)
			assert.Equal(t, slices.Max(window), shown(b, "value"))
			assert.Equal(t, slices.Index(window, slices.Max(window)), browser.Eval[int](b,
				`[...document.querySelectorAll('[data-grid="inputs"] span')].findIndex((e) => `+
					`e.classList.contains("winner"))`))
		case "softmax1":
			assert.Equal(t, at(i, m, 0, 0), shown(b, "probability"))
			assert.InDelta(t, shown(b, "value"), shown(b, "exponential")/shown(b, "sum"), 1e-6)
		case "fc1", "fc2":
			assert.InDelta(t, shown(b, "value"), shown(b, "sum")+shown(b, "bias"), 1e-4)
		}
	}
}

// The slider changes the model: filters, maps, probabilities and explanations follow.
func TestBrowserSlidesThroughLearning(t *testing.T) {
	b, snapshots := showDefault(t)
	const picture = `document.querySelector("#layer-conv1 canvas").toDataURL()`
	learned := browser.Eval[string](b, picture)
	b.Focus("#snapshot")
	b.Keys(kb.Home)
	b.Wait(`document.getElementById("moment").textContent === "before learning"`)
	waitForShares(t, b, snapshots[0].Model, seven(t))
	assert.NotEqual(t, learned, browser.Eval[string](b, picture))
	assert.Equal(t, "before learning", browser.Eval[string](b,
		`document.getElementById("snapshot").getAttribute("aria-valuetext")`))

	m, row, column := pointAt(t, b, "conv1", 0.3, 0.3)
	assert.Equal(t, activations(t, snapshots[0].Model, seven(t))[0][(m*24+row)*24+column], shown(b, "value"))
	b.Keys(kb.ArrowRight)
	b.Wait(`document.getElementById("moment").textContent === "epoch 1"`)
	waitForShares(t, b, snapshots[1].Model, seven(t))
	b.Wait(fmt.Sprintf(`document.getElementById("explanation").dataset.cell === "conv1 %d %d %d 1"`, m, row, column))
	assert.Equal(t, activations(t, snapshots[1].Model, seven(t))[0][(m*24+row)*24+column], shown(b, "value"),
		"the explanation follows")
}

// The page works from the keyboard.
func TestBrowserKeyboard(t *testing.T) {
	b, snapshots := showDefault(t)
	const selected = `document.documentElement.dataset.selected`
	b.Focus("#brush")
	b.Keys(kb.Tab, kb.Tab) // past Clear to the first test image, and to the second
	b.Keys(kb.Tab, "\r")
	b.Wait(`document.getElementById("verdict").textContent === "1"`)

	b.Focus("#layer-conv1 canvas")
	b.Keys(kb.ArrowRight, kb.ArrowDown, kb.ArrowDown, kb.PageDown)
	b.Wait(selected + ` === "conv1 1 2 1"`)
	explained(t, b, "conv1")
	b.Wait(`document.getElementById("explanation-spoken").textContent.startsWith("conv1, map 1, row 2, column 1: ")`)
	b.Keys(kb.ArrowUp, kb.ArrowUp, kb.ArrowUp, kb.ArrowLeft, kb.ArrowLeft)
	b.Wait(selected + ` === "conv1 1 0 0"`)
	b.Keys(kb.Escape)
	b.Wait(selected + ` === undefined && document.getElementById("explanation").textContent.startsWith("How to look")`)

	b.Click("#clear", 0.5, 0.5)
	b.Wait(`document.getElementById("verdict").textContent === "–"`)
	b.Focus("#pad")
	b.Keys(strings.Repeat(kb.ArrowUp, 10), " ", strings.Repeat(kb.ArrowDown, 20), " ")
	b.Wait(`document.getElementById("verdict").textContent === "1"`)
	b.Focus("#clear") // the pen's mark goes
	waitForShares(t, b, snapshots[len(snapshots)-1].Model, drawn(t, b))
}

// For screen readers every focusable element has a name, and none is hidden.
func TestBrowserIsSpoken(t *testing.T) {
	b, _ := showDefault(t)
	const focusable = `[...document.querySelectorAll("a[href], button, input:not([hidden]), [tabindex='0']")]`
	assert.Empty(t, browser.Eval[[]string](b,
		focusable+`.filter((e) => e.closest('[aria-hidden="true"]')).map((e) => e.outerHTML)`))
	assert.Empty(t, browser.Eval[[]string](b, focusable+
		`.filter((e) => !(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels?.length || `+
		`e.textContent.trim())).map((e) => e.outerHTML)`))
	b.Focus("#snapshot")
	b.Keys(kb.Tab, "\r")
	b.Wait(`document.getElementById("play").getAttribute("aria-label") === "Stop playing"`)
	b.Wait(`document.getElementById("moment").textContent === "epoch 1"`)
	b.Keys("\r")
	b.Wait(`document.getElementById("play").getAttribute("aria-label") === "Play the training"`)
}

// A picture from a file, chosen or dropped, is prepared as a digit.
func TestBrowserTakesPictures(t *testing.T) {
	b, snapshots := showDefault(t)
	after := snapshots[len(snapshots)-1].Model
	path := photograph(t)
	want, err := picture.DefaultFor([]int{1, 28, 28}).Read(path, []int{1, 28, 28})
	require.NoError(t, err)
	const pad = `document.getElementById("pad").toDataURL()`
	shown := browser.Eval[string](b, pad)

	b.Upload("#file", path)
	waitForShares(t, b, after, want.Pixels)
	picture := browser.Eval[string](b, pad)
	assert.NotEqual(t, shown, picture, "the pad shows the picture")

	b.Click(".sample:nth-child(3)", 0.5, 0.5)
	b.Wait(`document.getElementById("verdict").textContent === "2"`)
	b.DropFile("#maps", path) // anywhere on the page
	waitForShares(t, b, after, want.Pixels)
	assert.Equal(t, picture, browser.Eval[string](b, pad))
}

// For an unreadable file the page shows an error and keeps the last picture, also when the
// parameters change.
func TestBrowserRefusesPictures(t *testing.T) {
	b, snapshots := showDefault(t)
	waitForShares(t, b, snapshots[len(snapshots)-1].Model, seven(t))
	const pad = `document.getElementById("pad").toDataURL()`
	shown := browser.Eval[string](b, pad)
	b.Expect("400 (Bad Request)") // the browser writes a refusal to its console

	path := filepath.Join(t.TempDir(), "notes.txt")
	require.NoError(t, os.WriteFile(path, []byte("not a picture"), 0o644))
	b.DropFile("#pad", path)
	b.Wait(`document.getElementById("message").textContent.includes("PNG")`)
	assert.Equal(t, shown, browser.Eval[string](b, pad))
	b.Focus("#snapshot")
	b.Keys(kb.Home)
	waitForShares(t, b, snapshots[0].Model, seven(t))
	assert.Empty(t, browser.Eval[string](b, `document.getElementById("message").textContent`))
}

// photograph is a 1 in blue ink on paper.
func photograph(t *testing.T) (path string) {
	img := image.NewRGBA(image.Rect(0, 0, 200, 300))
	for i := range img.Pix {
		img.Pix[i] = 240
	}
	for y := 60; y < 240; y++ {
		for x := range 24 {
			img.Set(90+x, y, color.RGBA{20, 20, 90, 255})
		}
	}
	path = filepath.Join(t.TempDir(), "one.png")
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, png.Encode(file, img))
	require.NoError(t, file.Close())
	return path
}

// The explanation of a colour pixel has three numbers, that of LRN the neighbours, their squares
// and the result.
func TestBrowserExplainsColourAndNormalisation(t *testing.T) {
	m := newModel(t, models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec(), 1)
	b := show(t, []inspect.Snapshot{{Label: "as it is", Model: m}})
	path := photograph(t)
	s, err := classify.Preprocessing(m.Spec()).Read(path, m.Spec().Input)
	require.NoError(t, err)
	b.DropFile("#pad", path)
	b.Wait(`document.documentElement.dataset.updates > 1`)
	b.Point("#layer-input canvas", 0.5, 0.5)
	at := 33*67 + 33
	b.Wait(fmt.Sprintf(`Math.fround(document.querySelector('#explanation [data-number="red"]')?.dataset.exact) === `+
		`Math.fround(%v)`, s.Pixels[at]))
	for i, colour := range []string{"red", "green", "blue"} {
		assert.Equal(t, s.Pixels[i*67*67+at], shown(b, colour))
	}

	a := activations(t, m, s.Pixels)
	lrn := slices.IndexFunc(m.Spec().Layers, func(l graph.Layer) bool { _, ok := l.(graph.LRN); return ok })
	c, row, column := pointAt(t, b, "lrn1", 0.3, 0.1)
	size := m.Summary().Layers[lrn].Output
	value := func(layer, channel int) float32 { return a[layer][(channel*size[1]+row)*size[2]+column] }
	n := m.Spec().Layers[lrn].(graph.LRN)
	var inputs, squares []float32
	sum := 0.0
	for j := max(0, c-n.Size/2); j <= min(size[0]-1, c+n.Size/2); j++ {
		v := value(lrn-1, j)
		inputs, squares = append(inputs, v), append(squares, v*v)
		sum += float64(v) * float64(v)
	}
	cells := func(column int) []float32 {
		return browser.Eval[[]float32](b,
			fmt.Sprintf(`[...document.querySelectorAll("#explanation .contributions tr td:nth-child(%d)")].map((e) `+
				`=> Number(e.dataset.exact))`, column))
	}
	assert.Equal(t, inputs, cells(2))
	assert.Equal(t, squares, cells(3))
	assert.Equal(t, value(lrn, c), shown(b, "value"))
	assert.Equal(t, value(lrn-1, c), shown(b, "in"))
	assert.InEpsilon(t, sum, shown(b, "sum"), 1e-5)
	assert.InEpsilon(t, math.Pow(n.K+n.Alpha*sum, n.Beta), shown(b, "divisor"), 1e-5)
	assert.InDelta(t, shown(b, "value"), shown(b, "in")/shown(b, "divisor"), 1e-5)
}

// A network in colour starts with a sample picture and speaks of pictures, not of digits.
func TestBrowserStartsWithASampleInColour(t *testing.T) {
	spec := colours()
	spec.ClassNames = []string{"light", "dark"}
	m := newModel(t, spec, 1)
	b := show(t, []inspect.Snapshot{{Label: "as it is", Model: m}})
	for i, file := range []string{"cat", "coffee", "rocket"} {
		s, err := classify.Preprocessing(spec).Read("photographs/"+file+".jpg", spec.Input)
		require.NoError(t, err)
		if i > 0 {
			b.Click(fmt.Sprintf(".sample:nth-child(%d)", i+1), 0.5, 0.5)
		}
		a := activations(t, m, s.Pixels)
		p := slices.Clone(a[len(a)-1])
		slices.Sort(p)
		slices.Reverse(p)
		b.Wait(fmt.Sprintf("JSON.stringify([...%s].sort()) === JSON.stringify(%s.sort())", shares,
			`["`+strings.Join(percentages(p), `","`)+`"]`))
		b.Point("#layer-input canvas", 0.53, 0.56) // row 4, column 6
		for c, colour := range []string{"red", "green", "blue"} {
			b.Wait(fmt.Sprintf(`Number(document.querySelector('#explanation [data-number=%q]')?.dataset.exact) === %v`,
				colour, float64(s.Pixels[c*96+4*12+6])))
		}
	}
	assert.NotRegexp(t, "(?i)digit|draw", browser.Eval[string](b, "document.body.innerText"))
	assert.Equal(t, "It sees", browser.Eval[string](b, `document.getElementById("verdict-words").textContent`))
	assert.True(t, browser.Eval[bool](b,
		`document.getElementById("tools").hidden && !document.getElementById("pad").hasAttribute("tabindex")`))
}

// The page fits a phone, and is dark where the reader's system is.
func TestBrowserSizesAndColours(t *testing.T) {
	b, _ := showDefault(t)
	const ground = `getComputedStyle(document.body).backgroundColor`
	light := browser.Eval[string](b, ground)
	b.Window(375, 812, true)
	b.Wait(ground + fmt.Sprintf(" !== %q", light))
	b.Wait("document.documentElement.scrollWidth <= 375")
	b.Click("#layer-conv1 canvas", 0.9, 0.9)
	b.Wait(`(document.documentElement.dataset.selected ?? "").startsWith("conv1 ")`)
	explained(t, b, "conv1")
	b.Wait(`getComputedStyle(document.getElementById("why")).position === "fixed"`)
	b.Wait(`document.querySelector("#layer-conv1 canvas").getBoundingClientRect().bottom - 30 < ` +
		`document.getElementById("why").getBoundingClientRect().top`)
	b.Wait("document.documentElement.scrollWidth <= 375")
}

// A network of NaN is shown with NaN.
func TestBrowserShowsNaN(t *testing.T) {
	m := newModel(t, models.DefaultSimpleConvNet().Spec(), 1)
	m.Params()[0].Value.Float32s()[0] = float32(math.NaN())
	b := show(t, []inspect.Snapshot{{Label: "diverged", Model: m}})
	b.Wait(`document.getElementById("verdict-share").textContent === "NaN"`)
	for _, l := range m.Summary().Layers {
		b.Focus("#layer-" + l.Name + " canvas")
		b.Keys(kb.ArrowDown, kb.ArrowUp)
		b.Wait(fmt.Sprintf(`(document.documentElement.dataset.selected ?? "").startsWith("%s 0 ")`, l.Name))
		explained(t, b, l.Name)
		assert.Equal(t, "NaN", browser.Eval[string](b,
			`document.querySelector('#explanation [data-number="value"]').textContent`), l.Name)
	}
}

// Every layer of various networks can be pointed at, without errors on the console.
func TestBrowserShowsOtherNetworks(t *testing.T) {
	deep, err := os.ReadFile("../../examples/deepconvnet.json")
	require.NoError(t, err)
	deepconvnet, err := graph.ParseSpec(deep)
	require.NoError(t, err)
	lenet, err := models.LeNet{}.Spec()
	require.NoError(t, err)
	for _, spec := range []*graph.Spec{lenet, deepconvnet,
		models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec(), onnxLayers()} {
		t.Run(spec.Name, func(t *testing.T) {
			m := newModel(t, spec, 1)
			b := show(t, []inspect.Snapshot{{Label: "as it is", Model: m}})
			for _, l := range m.Summary().Layers {
				pointAt(t, b, l.Name, 0.02, 0.93) // in the last row of maps
				text := browser.Eval[string](b, `document.getElementById("explanation").textContent`)
				assert.Contains(t, text, l.Name)
				assert.NotContains(t, text, "No explanation", l.Name)
				assert.NotContains(t, text, "undefined", l.Name)
			}
		})
	}
}

// onnxLayers is a network for pictures with the layers that only ONNX files use.
func onnxLayers() *graph.Spec {
	pair := func(j graph.Join) graph.Part {
		return graph.Branches(j, graph.Tanh{}, graph.Conv2D{Filters: 4, Kernel: graph.Square(1), Bias: 0.5})
	}
	return graph.Sequential("onnx", tensor.Shape{3, 24, 24}, graph.He(),
		graph.Take{Axis: 2, Indices: []int{3, 2, 1, 0, 5, 6, 7, 8}}, graph.Pad{Begin: graph.Pair{1, 2}, Value: 0.5},
		graph.Conv2D{Filters: 4, Kernel: graph.Square(3)}, graph.Scale{Shape: []int{4, 1, 1}}, graph.Erf{},
		graph.Resize{Size: graph.Square(6), Mode: "linear"}, pair(graph.Subtract{}), pair(graph.Maximum{}),
		pair(graph.Minimum{}),
		pair(graph.Divide{}), graph.LpPool{Kernel: graph.Square(3), Stride: graph.Square(2), Pad: graph.Square(1)},
		graph.Rearrange{Order: []int{1, 2, 0}, Shape: []int{36}}, graph.Affine{Units: 10}, graph.LogSoftmax{})
}

// settled returns a model whose statistics and biases differ from their initial values.
func settled(t *testing.T, spec *graph.Spec) *graph.Model {
	m := newModel(t, spec, 1)
	unsettle(m, rand.New(rand.NewPCG(8, 9)))
	return m
}

// Branches are explained: which layers read which, the joined values, and their sources.
func TestBrowserExplainsBranches(t *testing.T) {
	m := settled(t, residual(tensor.Shape{1, 28, 28}))
	b := show(t, []inspect.Snapshot{{Label: "as it is", Model: m}})
	x := seven(t)
	waitForShares(t, b, m, x)
	a := activations(t, m, x)
	at := func(layer string, c, row, column int) float32 {
		i := slices.IndexFunc(m.Nodes(), func(n *graph.Node) bool { return n.Name == layer })
		size := m.Nodes()[i].Shape
		return a[i][(c*size[1]+row)*size[2]+column]
	}
	marked := func(layer string) bool { // reports a blue mark on its maps
		return browser.Eval[bool](b, fmt.Sprintf(`(() => {
			const c = document.getElementById("layer-%s").querySelector("canvas");
			const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
			for (let i = 0; i < data.length; i += 4) if (data[i + 2] > data[i] + 100) return true;
			return false;
		})()`, layer))
	}

	c, row, column := pointAt(t, b, "block1.add1", 0.45, 0.6)
	assert.Equal(t, at("block1.bn2", c, row, column), shown(b, "term-0"))
	assert.Equal(t, at("stem.pool1", c, row, column), shown(b, "term-1"))
	assert.Equal(t, at("block1.add1", c, row, column), shown(b, "value"))
	assert.InDelta(t, shown(b, "value"), shown(b, "term-0")+shown(b, "term-1"), 1e-5)
	for layer, want := range map[string]bool{"block1.bn2": true, "stem.pool1": true, "input": true,
		"block1.conv1": false} {
		assert.Equal(t, want, marked(layer), layer)
	}

	c, row, column = pointAt(t, b, "block1.bn1", 0.3, 0.4)
	mean, err := m.Param("block1.bn1.running_mean")
	require.NoError(t, err)
	assert.Equal(t, at("block1.conv1", c, row, column), shown(b, "in"))
	assert.Equal(t, mean.Float32s()[c], shown(b, "mean"))
	assert.InDelta(t, shown(b, "standardized"), (shown(b, "in")-shown(b, "mean"))/shown(b, "std"), 1e-5)
	assert.InDelta(t, shown(b, "value"), shown(b, "weight")*shown(b, "standardized")+shown(b, "bias"), 1e-5)

	c, row, column = pointAt(t, b, "block2.concat1", 0.03, 0.03)
	assert.Contains(t, browser.Eval[string](b, `document.getElementById("explanation").textContent`),
		"It is the value of block2.relu1")
	assert.Equal(t, at("block2.relu1", c, row, column), shown(b, "value"))
	assert.True(t, marked("block2.relu1"))
	assert.False(t, marked("block2.relu2"))

	const reads = `[...document.getElementById("layer-%s").querySelectorAll(".layer-reads button")].map((e) => ` +
		`e.textContent)`
	assert.Equal(t, []string{"block1.bn2", "stem.pool1", "block1.relu2"},
		browser.Eval[[]string](b, fmt.Sprintf(reads, "block1.add1")))
	assert.Equal(t, []string{"stem.relu1", "block1.conv1", "block1.add1"},
		browser.Eval[[]string](b, fmt.Sprintf(reads, "stem.pool1")))
}

// In the drawing of the graph no nodes overlap, each edge has a line, and a click on a node leads
// to its maps.
func TestBrowserDrawsBranches(t *testing.T) {
	m := settled(t, residual(tensor.Shape{1, 28, 28}))
	b := show(t, []inspect.Snapshot{{Label: "as it is", Model: m}})
	assert.Empty(t, browser.Eval[[]string](b, `(() => {
		const boxes = [...document.querySelectorAll(".branched .node")].map((e) => e.getBoundingClientRect());
		return boxes.flatMap((a, i) => boxes.slice(0, i).filter((b) =>
			a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).map((b) => a.left + " " + a.top));
	})()`))
	wires := 0
	d, err := m.Describe(1, false)
	require.NoError(t, err)
	for _, n := range d.Nodes {
		for _, in := range n.Inputs {
			if d.Nodes[in].Kind != graph.ParameterValue {
				wires++
			}
		}
	}
	assert.Equal(t, wires, browser.Eval[int](b, `document.querySelectorAll(".wires path[data-from]").length`))
	const step = `.branched .node[title^="block1.add1"]`
	browser.Eval[bool](b,
		fmt.Sprintf("document.querySelector(%q).scrollIntoView({ block: \"center\", inline: \"center\" }), true", step))
	b.Click(step, 0.5, 0.5)
	b.Wait(`document.activeElement === document.getElementById("layer-block1.add1").querySelector("canvas")`)
}

// The prediction suits the loss: independent labels, classes, or plain numbers.
func TestBrowserPredictsForEachLoss(t *testing.T) {
	for loss, want := range map[graph.Loss]string{
		graph.BinaryCrossEntropy: "labels", graph.CrossEntropy: "%", graph.MeanSquaredError: "3 numbers",
	} {
		spec := graph.Sequential("three", tensor.Shape{1, 28, 28}, graph.He(), graph.Affine{Units: 3})
		spec.Loss = loss
		spec.ClassNames = []string{"tall", "round", "slanted"}
		m := newModel(t, spec, 3)
		b := show(t, []inspect.Snapshot{{Label: "as it is", Model: m}})
		logits := activations(t, m, seven(t))[0]
		var sum float64
		for _, v := range logits {
			sum += math.Exp(float64(v))
		}
		var shares []string
		best := 0
		for _, v := range logits {
			switch p := float64(v); loss {
			case graph.BinaryCrossEntropy:
				p = 1 / (1 + math.Exp(-p))
				shares = append(shares, fmt.Sprintf("%.1f%%", 100*p))
				if p > 0.5 {
					best++
				}
			case graph.CrossEntropy:
				shares, best = append(shares, fmt.Sprintf("%.1f%%", 100*math.Exp(p)/sum)), 1
			}
		}
		if shares != nil {
			b.Wait(fmt.Sprintf("JSON.stringify(%s) === %q",
				`[...document.querySelectorAll(".bar-share")].map((e) => e.textContent)`,
				`["`+strings.Join(shares, `","`)+`"]`))
		}
		b.Wait(fmt.Sprintf(`document.getElementById("verdict-share").textContent.includes(%q)`, want))
		assert.Equal(t, best, browser.Eval[int](b, `document.querySelectorAll(".bars .best").length`), loss)
	}
}

// TestBrowserShowsWhy: the heat map of the chosen method for the predicted class lies over the
// picture.
func TestBrowserShowsWhy(t *testing.T) {
	b, _ := showDefault(t)
	for _, method := range []string{"grad-cam", "occlusion"} {
		browser.Eval[bool](b, fmt.Sprintf(`(() => {
			const select = document.getElementById("method");
			select.value = %q;
			return select.dispatchEvent(new Event("change"));
		})()`, method))
		b.Wait(fmt.Sprintf(`document.getElementById("heat").dataset.shown === "%s 7"`, method))
		colours := browser.Eval[int](b, `(() => {
			const shown = document.getElementById("heat-map"), c = document.createElement("canvas");
			[c.width, c.height] = [shown.width, shown.height];
			const context = c.getContext("2d", { willReadFrequently: true });
			context.drawImage(shown, 0, 0);
			const { data } = context.getImageData(0, 0, c.width, c.height);
			return new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())).size;
		})()`)
		assert.Greater(t, colours, 20)
	}
	assert.Equal(t, "7", browser.Eval[string](b, `document.getElementById("heat-class").textContent`))
}
