// Package ui has what the pages in web share: the style sheet with its light and dark colors,
// small JavaScript modules, and a server of embedded files. Everything comes from the binary; no
// page loads anything from another host.
package ui

import (
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"path"
)

//go:embed assets
var assets embed.FS

// Register serves the shared files under /ui/: ui.css, and the modules gray.js (numbers as grays)
// and number.js (numbers as text).
func Register(mux *http.ServeMux) { mux.Handle("GET /ui/", Files("/ui/", Shared())) }

// Shared returns the shared files, without their folder.
func Shared() fs.FS {
	shared, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(fmt.Sprintf("ui: %v", err)) // can't happen: the folder is embedded above
	}
	return shared
}

// contentTypes replaces the system's table, which differs between machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
}

// Files serves the files of a folder for URLs that begin with prefix, which ends in a slash. A
// browser caches a file, and asks each time whether it has changed.
func Files(prefix string, folder fs.FS) http.Handler {
	return Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) < len(prefix) {
			http.NotFound(w, r)
			return
		}
		serveFile(w, r, folder, r.URL.Path[len(prefix):])
	}))
}

// File serves one file of a folder, such as a page, for any URL.
func File(folder fs.FS, name string) http.Handler {
	return Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serveFile(w, r, folder, name) }))
}

func serveFile(w http.ResponseWriter, r *http.Request, folder fs.FS, name string) {
	kind := contentTypes[path.Ext(name)]
	content, err := fs.ReadFile(folder, name)
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", etag(content))
	if r.Header.Get("If-None-Match") == etag(content) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(content) // a client that has gone needs no answer
}

func etag(content []byte) string {
	h := fnv.New64a()
	h.Write(content)
	return fmt.Sprintf(`"%x"`, h.Sum64())
}

// policy lets a page load scripts, styles, fonts and data from its own host only; the HTML itself
// contains no script or style. Images may also be chosen by the reader or drawn by the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; " +
	"img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Secure adds the headers that isolate a page: the Content-Security-Policy, no type sniffing, no
// referrer.
func Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
