package ui_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"convgraph/web/ui"
)

func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRegister(t *testing.T) {
	mux := http.NewServeMux()
	ui.Register(mux)
	for path, kind := range map[string]string{
		"/ui/ui.css":    "text/css; charset=utf-8",
		"/ui/gray.js":   "text/javascript; charset=utf-8",
		"/ui/number.js": "text/javascript; charset=utf-8",
	} {
		w := get(mux, path)
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Equal(t, kind, w.Header().Get("Content-Type"), path)
		assert.NotEmpty(t, w.Body.Bytes(), path)
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'", path)
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), path)

		again := get(mux, path, "If-None-Match", w.Header().Get("ETag"))
		assert.Equal(t, http.StatusNotModified, again.Code, path)
		assert.Empty(t, again.Body.Bytes(), path)
	}
	for _, path := range []string{"/ui/", "/ui/none.css", "/ui/../ui.go", "/ui/%2e%2e/ui.go"} {
		assert.NotEqual(t, http.StatusOK, get(mux, path).Code, path)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/ui/ui.css", nil))
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestFile(t *testing.T) {
	folder := fstest.MapFS{"page.html": {Data: []byte("<!doctype html>")}, "secret.key": {Data: []byte("-")}}
	w := get(ui.File(folder, "page.html"), "/anywhere")
	assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "<!doctype html>", w.Body.String())

	assert.Equal(
		t, http.StatusNotFound, get(ui.Files("/x/", folder), "/x/secret.key").Code, "only the file types of pages",
	)
	assert.Equal(t, http.StatusNotFound, get(ui.Files("/x/", folder), "/").Code)
}
