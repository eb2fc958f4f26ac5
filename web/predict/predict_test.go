package predict

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
)

// digits is a small network for MNIST's images, colours one for colour images.
func digits() *graph.Spec {
	return graph.Sequential("digits", tensor.Shape{1, 28, 28}, graph.He(),
		graph.MaxPool{Kernel: graph.Square(4)}, graph.Affine{Units: 10}, graph.Softmax{})
}

func colours() *graph.Spec {
	return graph.Sequential("colours", tensor.Shape{3, 2, 2}, graph.He(), graph.Affine{Units: 5}, graph.Softmax{})
}

func model(t testing.TB, spec *graph.Spec) *graph.Model {
	t.Helper()
	m, err := graph.New(spec, graph.WithSeed(3))
	require.NoError(t, err)
	return m
}

func service(t testing.TB, spec *graph.Spec, o Options) *Service {
	t.Helper()
	s, err := New(model(t, spec), o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// post sends a body and returns the answer.
func post(s *Service, kind string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/predict", body)
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func postJSON(s *Service, v any) *httptest.ResponseRecorder {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return post(s, "application/json", bytes.NewReader(body))
}

// refused checks the status and the text of a JSON error.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, what string) {
	t.Helper()
	assert.Equal(t, status, w.Code, w.Body.String())
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var answer map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
	assert.Contains(t, answer["error"], what)
	assert.Len(t, answer, 1)
}

func decoded[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

// values returns the numbers of an image, all different, from 0 to most.
func values(n int, most float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = most * float64(i*7%n) / float64(n)
	}
	return v
}

// nested returns flat numbers as nested arrays.
func nested(v []float64, shape ...int) any {
	if len(shape) == 1 {
		return v
	}
	all := make([]any, shape[0])
	for i := range all {
		part := len(v) / shape[0]
		all[i] = nested(v[i*part:(i+1)*part], shape[1:]...)
	}
	return all
}

// want returns the model's own prediction for numbers from 0 to 1.
func want(t *testing.T, m *graph.Model, v []float64) classify.Prediction {
	t.Helper()
	pixels := make([]float32, len(v))
	for i := range v {
		pixels[i] = float32(v[i])
	}
	p, err := classify.Predict(m, "", &picture.Sample{Pixels: pixels})
	require.NoError(t, err)
	return *p
}

// TestDocuments: an image is the same flat or nested, from 0 to 1 or to 255.
func TestDocuments(t *testing.T) {
	s := service(t, digits(), Options{})
	v := values(784, 1)
	expected := want(t, s.current.model, v)
	require.Len(t, expected.Top, 3)
	for _, image := range []any{v, nested(v, 28, 28), nested(v, 1, 28, 28)} {
		assert.Equal(t, expected, decoded[classify.Prediction](t, postJSON(s, map[string]any{"image": image})))
	}
	whole := make([]float64, 784)
	for i := range whole {
		whole[i] = float64(i % 256)
		v[i] = float64(float32(i%256) / 255)
	}
	for _, document := range []string{`{"image": %s, "max": 255}`, `{"max": 255.0, "image": %s}`,
		"\n {\"max\":\t2.55e2,\r\n\"image\": %s }\n"} {
		text, err := json.Marshal(nested(whole, 28, 28))
		require.NoError(t, err)
		w := post(s, "application/json; charset=utf-8", strings.NewReader(fmt.Sprintf(document, text)))
		assert.Equal(t, want(t, s.current.model, v), decoded[classify.Prediction](t, w))
	}
}

func TestSeveralImages(t *testing.T) {
	s := service(t, colours(), Options{})
	a, b := values(12, 1), values(12, 0.5)
	got := decoded[[]classify.Prediction](t, postJSON(s, map[string]any{"images": []any{a, nested(b, 3, 2, 2)}}))
	require.Len(t, got, 2)
	for i, v := range [][]float64{a, b} {
		expected := want(t, s.current.model, v)
		assert.Equal(t, expected.Class, got[i].Class)
		for j := range expected.Top {
			assert.InDelta(t, expected.Top[j].Probability, got[i].Top[j].Probability, 1e-5)
		}
	}
	assert.Len(t, decoded[[]classify.Prediction](t, postJSON(s, map[string]any{"images": []any{a}})), 1,
		"a list of one is a list")
}

// TestBadDocuments: each mistake in a document gets its status and position.
func TestBadDocuments(t *testing.T) {
	s := service(t, colours(), Options{MaxBatch: 2})
	flat := "0,0,0,0,0,0,0,0,0,0,0,0"
	for document, c := range map[string]struct {
		status int
		what   string
	}{
		"":                           {400, "the body is cut off"},
		`{"image": [`:                {400, "the body is cut off"},
		`{"image": [0, 0`:            {400, "the body is cut off"},
		`{"image": [` + flat + `]`:   {400, "the body is cut off"},
		`{"image": [0 0]}`:           {400, "the body isn't JSON: byte 13"},
		`{"image": [NaN]}`:           {400, "the body isn't JSON: byte 11"},
		`{"image": [01]}`:            {400, "the body isn't JSON"},
		`{"image": [` + flat + `]}x`: {400, "want nothing after the document"},
		`{"image": [` + flat + `], "image": [` + flat + `]}`: {400, "duplicate"},
		"{\"ima\xffge\": 1}": {400, "the body isn't JSON"},

		`[1]`:            {422, `the document: byte 1: got [, want '{'`},
		`{}`:             {422, `the document has no images: want "image" or "images"`},
		`"up"`:           {422, "the document: byte 4: got string"},
		`{"picture": 1}`: {422, `the document has "picture": want "image" or "images"`},
		`{"image": [` + flat + `], "images": []}`: {422, `the document has "image" and "images": want one of them`},
		`{"images": []}`:                    {422, "images: got none, want at least one"},
		`{"images": {}}`:                    {422, "images: byte 12: got {, want '['"},
		`{"images": [[` + flat + `], 7]}`:   {422, "images[1]: byte"},
		`{"images": [[` + flat + `], [0]]}`: {422, "images[1]: got 1 elements, want 12"},
		`{"images": [[` + flat + `], [` + flat + `], [` + flat + `]]}`: {422,
			"images: got more than 2, want at most 2"},
		`{"image": 7}`: {422,
			"image: byte 11: got number, want an array of numbers"},
		`{"image": null}`: {422,
			"image: byte 14: got null, want an array of numbers"},
		`{"image": []}`:                 {422, "image: got 0 elements, want 12"},
		`{"image": [` + flat + `,0]}`:   {422, "image: got more than 12 elements, want 12"},
		`{"image": [` + flat[2:] + `]}`: {422, "image: got 11 elements, want 12"},
		`{"image": [0, "0"]}`:           {422, "image: byte 17: got string, want a number"},
		`{"image": [0, true]}`:          {422, "image: byte 18: got true, want a number"},
		`{"image": [0, [0]]}`:           {422, "image: byte 15: got [, want a number"},
		`{"image": [[0,0],[0,0]]}`: {422,
			"image[0]: got 2 levels of arrays, want 12 numbers, flat or nested as (3, 2, 2)"},
		`{"image": [[[[0]]]]}`:                       {422, "image[0][0]: byte 14: got [, want a number"},
		`{"image": [[[0,0],[0,0]],[[0,0],[0]]]}`:     {422, "image[1][1]: got 1 elements, want 2"},
		`{"image": [[[0,0],[0,0]],[[0,0],[0,0,0]]]}`: {422, "image[1][1]: got more than 2 elements, want 2"},
		`{"image": [[[0,0],[0,0]],[[0,0]]]}`:         {422, "image[1]: got 1 elements, want 2"},
		`{"image": [[[0,0],[0,0]],[[0,0],7]]}`: {422,
			"image[1]: byte 33: got number, want an array"},
		`{"image": [[[0,0],[0,0]],[[0,0],[0,0]]]}`: {422, "image: got 2 elements, want 3"},
		`{"image": [[[0,0],[0,0],[0,0]]]}`:         {422, "image[0]: got more than 2 elements, want 2"},
		`{"image": [2` + flat[1:] + `]}`: {422,
			`image: number 0: got 2, want 0 to 1, or "max": 255 in the document`},
		`{"image": [` + flat[1:] + `]}`:                         {400, "the body isn't JSON"},
		`{"images": [[` + flat + `],[` + flat[:21] + `,-0.5]]}`: {422, "images[1]: number 11: got -0.5, want 0 to 1"},
		`{"image": [1e999` + flat[1:] + `], "max": 255}`:        {422, "image: number 0: got +Inf, want 0 to 255"},
		`{"image": [` + flat + `], "max": 2}`:                   {422, `"max": got 2, want 1 or 255`},
		`{"image": [` + flat + `], "max": "1"}`:                 {422, "max: byte 47: got string, want 1 or 255"},
		strings.Repeat("[", 100000):                             {422, "the document: byte 1: got ["},
		`{"image": ` + strings.Repeat("[", 100000):              {422, "image[0][0]: byte 14: got ["},
		`{"x": ` + strings.Repeat(`{"x":`, 100000):              {422, `the document has "x"`},
	} {
		t.Run("", func(t *testing.T) {
			w := post(s, "application/json", strings.NewReader(document))
			refused(t, w, c.status, c.what)
		})
	}
}

// drawn is a dark cross on light paper.
func drawn() image.Image {
	img := image.NewGray(image.Rect(0, 0, 60, 40))
	for i := range img.Pix {
		x, y := i%60, i/60
		img.Pix[i] = 230
		if x > 28 && x < 32 && y > 5 && y < 35 || y > 18 && y < 22 && x > 15 && x < 45 {
			img.Pix[i] = 20
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// TestPictures: an uploaded picture is prepared as convgraph predict does, as a body and in a form.
func TestPictures(t *testing.T) {
	s := service(t, digits(), Options{})
	sampled, err := picture.Digit(drawn(), picture.Detect)
	require.NoError(t, err)
	expected, err := classify.Predict(s.current.model, "", sampled)
	require.NoError(t, err)
	assert.Equal(t, "dark on light", expected.Ink)
	assert.Equal(t, *expected, decoded[classify.Prediction](t,
		post(s, "image/png", bytes.NewReader(encoded(t, drawn())))))

	var photo bytes.Buffer
	require.NoError(t, jpeg.Encode(&photo, drawn(), &jpeg.Options{Quality: 100}))
	assert.Equal(t, expected.Class, decoded[classify.Prediction](t, post(s, "image/jpeg", &photo)).Class)

	expected.Image = "cross.png"
	kind, form := pictureForm(t, "image", "cross.png")
	assert.Equal(t, *expected, decoded[classify.Prediction](t, post(s, kind, form)))
	kind, form = pictureForm(t, "image", "a.png", "b.png")
	two := decoded[[]classify.Prediction](t, post(s, kind, form))
	require.Len(t, two, 2)
	assert.Equal(t, []string{"a.png", "b.png"}, []string{two[0].Image, two[1].Image})
	assert.Equal(t, expected.Class, two[1].Class)
}

func pictureForm(t *testing.T, field string, names ...string) (kind string, body io.Reader) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, name := range names {
		part, err := form.CreateFormFile(field, name)
		require.NoError(t, err)
		_, err = part.Write(encoded(t, drawn()))
		require.NoError(t, err)
	}
	require.NoError(t, form.Close())
	return form.FormDataContentType(), &b
}

func TestInk(t *testing.T) {
	s := service(t, digits(), Options{})
	ask := func(ink string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/predict?ink="+ink, bytes.NewReader(encoded(t, drawn())))
		r.Header.Set("Content-Type", "image/png")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	assert.Equal(t, "dark on light", decoded[classify.Prediction](t, ask("dark")).Ink)
	assert.Equal(t, decoded[classify.Prediction](t, ask("dark")), decoded[classify.Prediction](t, ask("detect")))
	assert.Equal(t, "light on dark", decoded[classify.Prediction](t, ask("light")).Ink)
	refused(t, ask("blue"), 400, `ink: got "blue", want detect, dark or light`)
}

// TestOtherImages: a network of other images reads the center of a picture.
func TestOtherImages(t *testing.T) {
	s := service(t, colours(), Options{})
	img := image.NewRGBA(image.Rect(0, 0, 6, 2))
	for i := range 12 {
		img.SetRGBA(i%6, i/6, color.RGBA{uint8(20 * i), uint8(i), 200, 255})
	}
	sampled, err := picture.Preprocessing{}.Apply(img, s.current.model.Spec().Input)
	require.NoError(t, err)
	expected, err := classify.Predict(s.current.model, "", sampled)
	require.NoError(t, err)
	assert.Equal(t, *expected, decoded[classify.Prediction](t, post(s, "image/png", bytes.NewReader(encoded(t, img)))))

	vectors := service(t, graph.Sequential("vectors", tensor.Shape{4}, graph.He(), graph.Affine{Units: 2},
		graph.Softmax{}), Options{})
	refused(t, post(vectors, "image/png", bytes.NewReader(encoded(t, img))), 422,
		`model "vectors" takes no pictures: got input [4], want (channels, height, width)`)
	assert.Equal(t, want(t, vectors.current.model, values(4, 1)),
		decoded[classify.Prediction](t, postJSON(vectors, map[string]any{"image": values(4, 1)})))
}

func TestBadRequests(t *testing.T) {
	s := service(t, digits(), Options{maxPixels: 3000, MaxBatch: 2})
	whole := encoded(t, drawn())
	refused(t, post(s, "image/png", bytes.NewReader(nil)), 400, "the picture: the file is empty")
	refused(t, post(s, "image/png", strings.NewReader("hello")), 400,
		"the picture: got a file that starts with 68 65 6c 6c, want PNG, JPEG, GIF, WebP, BMP or TIFF")
	refused(t, post(s, "image/png", bytes.NewReader(whole[:30])), 400, "the picture: PNG cut off")
	refused(t, post(s, "image/png", bytes.NewReader(encoded(t, image.NewGray(image.Rect(0, 0, 9, 9))))), 422,
		"the picture: nothing is drawn in the picture")
	refused(t, post(s, "image/png", bytes.NewReader(encoded(t, image.NewGray(image.Rect(0, 0, 31, 100))))), 413,
		"the picture: got 31×100 pixels, want at most 3000")
	bomb := append([]byte(nil), whole...)
	copy(bomb[16:], []byte{0, 16, 0, 0, 0, 16, 0, 0}) // 2^20 × 2^20
	refused(t, post(s, "image/png", bytes.NewReader(bomb)), 400, "the picture: PNG")

	refused(t, post(s, "",
		nil), 415, `Content-Type: got "", want application/json, image/png, image/jpeg, image/gif, image/webp, `+
		`image/bmp, image/tiff or multipart/form-data`)
	refused(t, post(s, "application/x-www-form-urlencoded", nil), 415,
		`Content-Type: got "application/x-www-form-urlencoded"`)
	r := httptest.NewRequest(http.MethodPost, "/predict", bytes.NewReader(whole))
	r.Header.Set("Content-Type", "image/png")
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	refused(t, w, 415, `Content-Encoding: got "gzip"`)

	refused(t, post(s, "multipart/form-data", nil), 400, "without a boundary")
	refused(t, post(s, "multipart/form-data; boundary=x",
		strings.NewReader("--x\r\nContent-Disposition: form-data; name=image\r\n\r\n")), 400, "the body is cut off")
	refused(t, post(s, "multipart/form-data; boundary=x", strings.NewReader("--x--\r\n")), 422,
		`the form has no field "image"`)
	kind, form := pictureForm(t, "file", "a.png")
	refused(t, post(s, kind, form), 422, `form field "file": want "image" only`)
	kind, form = pictureForm(t, "image", "a", "b", "c")
	refused(t, post(s, kind, form), 422, "the form has more than 2 pictures, the most that a request may have")

	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/predict", nil))
	refused(t, w, 405, "method: got GET, want POST")
	assert.Equal(t, "POST", w.Header().Get("Allow"))
}

// TestTooLarge: a body cut off by the server's limit is reported as too large, not as corrupt.
func TestTooLarge(t *testing.T) {
	s := service(t, digits(), Options{})
	for _, kind := range []string{"application/json", "image/png", "multipart/form-data; boundary=x"} {
		body := strings.NewReader(`{"image": [` + strings.Repeat("0,", 1000))
		r := httptest.NewRequest(http.MethodPost, "/predict", nil)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		r.Body = http.MaxBytesReader(w, io.NopCloser(body), 100)
		s.ServeHTTP(w, r)
		refused(t, w, 413, "too large")
	}
}

// TestMemoryIsBounded: bodies beyond the total limit are refused; pictures wait for memory.
func TestMemoryIsBounded(t *testing.T) {
	s := service(t, digits(), Options{Timeout: time.Millisecond})
	require.True(t, s.bodies.TryAcquire(bodyMemory))
	w := post(s, "image/png", bytes.NewReader(encoded(t, drawn())))
	refused(t, w, 503, "too many large requests at once")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	s.bodies.Release(bodyMemory)

	release, err := s.pictures.Acquire(context.Background(), image.Pt(4096, 4096))
	require.NoError(t, err)
	refused(t, post(s, "image/png", bytes.NewReader(flat(t, 2048))), 503, "no answer within 1ms: try again in a moment")
	release()

	s.options.Timeout = time.Minute
	require.Equal(t, http.StatusOK, post(s, "image/png", bytes.NewReader(encoded(t, drawn()))).Code)
	assert.True(t, s.bodies.TryAcquire(bodyMemory), "a request gives back what it took")
	release, err = s.pictures.Acquire(context.Background(), image.Pt(4096, 4096))
	require.NoError(t, err, "and so does a picture")
	release()
}

// flat returns a PNG of a white square with a mark in its center.
func flat(t testing.TB, side int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for i := side / 4; i < 3*side/4; i++ {
		for w := range side / 8 {
			img.Pix[i*side+side/2+w] = 0
		}
	}
	return encoded(t, img)
}

// TestMeter: memory is reserved in steps as a body arrives, and released.
func TestMeter(t *testing.T) {
	budget := semaphore.NewWeighted(3 * meterStep)
	m := meter{body: strings.NewReader(strings.Repeat("x", 4*meterStep)), budget: budget}
	assert.True(t, budget.TryAcquire(3*meterStep), "nothing has come yet")
	budget.Release(3 * meterStep)
	_, err := io.ReadFull(&m, make([]byte, meterStep+1))
	require.NoError(t, err)
	assert.EqualValues(t, 2*meterStep, m.taken)
	_, err = io.ReadAll(&m)
	assert.Equal(t, http.StatusServiceUnavailable, statusOf(err))
	m.release()
	assert.True(t, budget.TryAcquire(3*meterStep))
}

func TestGoneSender(t *testing.T) {
	s := service(t, digits(), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest(http.MethodPost, "/predict", bytes.NewReader(encoded(t, drawn()))).WithContext(ctx)
	r.Header.Set("Content-Type", "image/png")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	assert.Equal(t, statusGone, w.Code)
}

func TestModelsThatCannotBeServed(t *testing.T) {
	double, err := graph.New(colours(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	_, err = New(double, Options{})
	assert.ErrorContains(t, err, "want float32")
}

// TestNumbers: a model without probabilities answers with its outputs.
func TestNumbers(t *testing.T) {
	m := model(t, graph.Sequential("numbers", tensor.Shape{1}, graph.He(), graph.Affine{Units: 2}))
	copy(m.Params()[0].Value.Float32s(), []float32{3, -4})
	s, err := New(m, Options{})
	require.NoError(t, err)
	defer s.Close()
	w := postJSON(s, map[string]any{"image": []float32{0.5}})
	assert.Equal(t, http.StatusOK, w.Code)
	assert.JSONEq(t, `{"outputs": [1.5, -2]}`, w.Body.String())
}

// TestMetrics: batches and images are counted. TestNonFinite: a model with non-finite parameters or
// outputs is refused, and so is an image with such outputs.
func TestNonFinite(t *testing.T) {
	m := model(t, digits())
	bias := m.Params()[len(m.Params())-1]
	bias.Value.Float32s()[1] = float32(math.NaN())
	s, err := New(m, Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.ErrorContains(t, s.Ready(), bias.Name)
	refused(t, postJSON(s, map[string]any{"image": values(784, 1)}), http.StatusServiceUnavailable,
		"is NaN at [1]: want finite numbers")

	m = model(t, graph.Sequential("huge", tensor.Shape{2}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{}))
	copy(m.Params()[0].Value.Float32s(), []float32{math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.MaxFloat32})
	s, err = New(m, Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.NoError(t, s.Ready())
	refused(t, postJSON(s, map[string]any{"image": []float64{1, 1}}), http.StatusServiceUnavailable,
		"the model's output 0 is NaN: want finite numbers")
}

func TestMetrics(t *testing.T) {
	s := service(t, colours(), Options{})
	require.Equal(t, 200, postJSON(s,
		map[string]any{"images": []any{values(12, 1), values(12, 1), values(12, 1)}}).Code)
	w := httptest.NewRecorder()
	s.options.Metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		"# TYPE convgraph_predict_batch_images histogram\n", `convgraph_predict_batch_images_bucket{le="2"} 0` + "\n",
		`convgraph_predict_batch_images_bucket{le="4"} 1` + "\n", "convgraph_predict_batch_images_sum 3\n",
		"convgraph_predict_images_total 3\n", "convgraph_predict_queue_images 0\n", "\ngo_goroutines ",
	} {
		assert.Contains(t, w.Body.String(), line)
	}
}

// TestAllocations bounds a request's allocations, without net/http's.
func TestAllocations(t *testing.T) {
	s := service(t, digits(), Options{})
	body, err := json.Marshal(map[string]any{"image": nested(values(784, 1), 28, 28)})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/predict", nil)
	r.Header.Set("Content-Type", "application/json")
	reader := bytes.NewReader(body)
	w := &discarded{header: http.Header{}}
	allocations := testing.AllocsPerRun(200, func() {
		reader.Reset(body)
		r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
		s.ServeHTTP(w, r)
	})
	assert.Equal(t, http.StatusOK, w.status)
	assert.Less(t, allocations, 40., "allocations a request")
}

// discarded is a ResponseWriter that discards the answer.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }

func BenchmarkPredict(b *testing.B) {
	s := service(b, digits(), Options{})
	whole := values(784, 255)
	for i, v := range whole {
		whole[i] = math.Round(v)
	}
	pixels, err := json.Marshal(map[string]any{"image": nested(whole, 28, 28), "max": 255})
	require.NoError(b, err)
	fractions, err := json.Marshal(map[string]any{"image": nested(values(784, 1), 28, 28)})
	require.NoError(b, err)
	for _, c := range []struct {
		name, kind string
		body       []byte
	}{{"pixels", "application/json", pixels}, {"fractions", "application/json", fractions},
		{"png", "image/png", encoded(b, drawn())}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodPost, "/predict", nil)
			r.Header.Set("Content-Type", c.kind)
			body := c.body
			reader := bytes.NewReader(body)
			w := &discarded{header: http.Header{}}
			for b.Loop() {
				reader.Reset(body)
				r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
				s.ServeHTTP(w, r)
			}
			if w.status != http.StatusOK {
				b.Fatal(w.status)
			}
		})
	}
}

var errBroken = errors.New("broken")

func TestBrokenBody(t *testing.T) {
	s := service(t, digits(), Options{})
	for _, kind := range []string{"application/json", "image/png", "multipart/form-data; boundary=x"} {
		refused(t, post(s, kind, io.MultiReader(strings.NewReader("{"), failing{errBroken})), 400,
			"the body can't be read: ")
		late := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
		refused(t, post(s, kind, io.MultiReader(strings.NewReader("{"), failing{late})), 408,
			"the body didn't come in time")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
