//go:build js

// Command wasm answers the inspect page's requests inside a browser, with the handler that answers
// them on a server. It defines two functions for the page's worker, which calls openNetwork once
// and then answer for each request.
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"syscall/js"

	"convgraph/graph"
	"convgraph/web/inspect"
)

func main() {
	mux := http.NewServeMux()
	js.Global().Set("openNetwork", js.FuncOf(func(_ js.Value, args []js.Value) any {
		page, err := open(args[0], args[1])
		if err != nil {
			return err.Error()
		}
		page.Register(mux)
		return ""
	}))
	js.Global().Set("answer", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return answer(mux, args[0].String(), args[1].String(), bytesOf(args[2]))
	}))
	select {}
}

// open makes the page of snapshots, an array of {label, data}, and of the sheet of sample pictures,
// which is null for a network without any.
func open(snapshots, samples js.Value) (*inspect.Page, error) {
	all := make([]inspect.Snapshot, snapshots.Length())
	for i := range all {
		s := snapshots.Index(i)
		label := s.Get("label").String()
		m, err := graph.Read(bytes.NewReader(bytesOf(s.Get("data"))))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", label, err)
		}
		all[i] = inspect.Snapshot{Label: label, Model: m}
	}
	if samples.IsNull() {
		return inspect.New(all, nil)
	}
	return inspect.New(all, bytesOf(samples))
}

// answer returns what the handler answers: {status, headers, body}.
func answer(h http.Handler, method, url string, body []byte) any {
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	if r, err := http.NewRequest(method, url, bytes.NewReader(body)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	} else {
		h.ServeHTTP(w, r)
	}
	headers := map[string]any{}
	for name := range w.header {
		headers[name] = w.header.Get(name)
	}
	return map[string]any{"status": w.status, "headers": headers, "body": array(w.body.Bytes())}
}

// A recorder keeps an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

func bytesOf(array js.Value) []byte {
	data := make([]byte, array.Length())
	js.CopyBytesToGo(data, array)
	return data
}

func array(data []byte) js.Value {
	a := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(a, data)
	return a
}
