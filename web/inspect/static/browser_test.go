//go:build browser

package static_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/pretrained"
	"convgraph/web/inspect"
	"convgraph/web/inspect/static"
	"convgraph/web/internal/browser"
)

// mostBytes bounds what a reader of a page without a server loads.
const mostBytes = 8_000_000

// host writes the page and serves it below a path of a plain file server.
func host(t *testing.T, snapshots []inspect.Snapshot) (address, folder string) {
	root := t.TempDir()
	folder = filepath.Join(root, "some", "where")
	_, err := static.Write(t.Context(), folder, snapshots, nil)
	require.NoError(t, err)
	assert.Less(t, sizeOf(t, root), int64(mostBytes))
	files := http.FileServer(http.Dir(root))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store") // tests change the files
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/some/where/", folder
}

// open shows the page, and says how long its first answer took: by the clock, and in processor
// time.
func open(t *testing.T, address string) (b *browser.Tab, clock, processor time.Duration) {
	b = browser.Open(t, address)
	b.Wait("document.documentElement.dataset.updates > 0")
	milliseconds := browser.Eval[float64](b, "performance.now()")
	return b, time.Duration(milliseconds * float64(time.Millisecond)), b.ProcessorTime()
}

// TestBrowserNamesAWrongFile: a page that lacks a file, or has a damaged one, says which.
func TestBrowserNamesAWrongFile(t *testing.T) {
	snapshots, err := inspect.Default()
	require.NoError(t, err)
	address, folder := host(t, snapshots)
	b, _, _ := open(t, address)

	for _, c := range []struct{ file, content, says string }{ // without content the file is missing
		{"02.safetensors.gz", "", "02.safetensors.gz: 404 Not Found"},
		{"02.safetensors.gz", "\x1f\x8bdamaged", "02.safetensors.gz: the file is damaged"},
		{"convgraph.wasm.gz", "<html>not found</html>", "convgraph.wasm.gz: "},
		{"network.json", "<html>not found</html>", "network.json: "},
		{"network.json", "", "network.json: 404 Not Found"},
		{"wasm_exec.js", "", "wasm_exec.js"},
	} {
		path := filepath.Join(folder, "network", c.file)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		if c.content == "" {
			require.NoError(t, os.Remove(path))
			b.Expect("404 (Not Found)")
			b.Expect("Failed to execute 'importScripts'")
		} else {
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o644))
		}
		browser.Eval[bool](b, `document.getElementById("message")?.replaceChildren(),
			setTimeout(() => location.reload()), true`)
		b.Wait(fmt.Sprintf("document.getElementById('message')?.textContent.includes(%q)", c.says))
		require.NoError(t, os.WriteFile(path, whole, 0o644))
	}
}

func sizeOf(t *testing.T, root string) (size int64) {
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		size += info.Size()
		return err
	}))
	return size
}

// ask sends a request from the page to its worker, as the page does.
func ask(b *browser.Tab, url, body string) []byte {
	text := browser.Eval[string](b, fmt.Sprintf(`(async () => {
		const { ask } = await import("./inspect/ask.js");
		const body = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0));
		const response = await ask(%q, %s);
		const bytes = new Uint8Array(await response.arrayBuffer());
		let text = "";
		for (const v of bytes) text += String.fromCharCode(v);
		return btoa(text);
	})()`, body, url, map[bool]string{true: "{}", false: `{ method: "POST", body }`}[body == ""]))
	data, _ := base64.StdEncoding.DecodeString(text)
	return data
}

// TestBrowserAnswersLikeTheServer: the program in the browser answers what the server answers. Its
// portable kernels add in another order than a server's, so numbers agree to a tolerance, and
// everything else exactly.
func TestBrowserAnswersLikeTheServer(t *testing.T) {
	snapshots, err := inspect.Default()
	require.NoError(t, err)
	squeezeNet, err := pretrained.SqueezeNet()
	require.NoError(t, err)
	for _, c := range []struct {
		name      string
		snapshots []inspect.Snapshot
	}{
		{"digits", snapshots},
		{"photographs", []inspect.Snapshot{{Label: "as it comes", Model: squeezeNet}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _ := host(t, c.snapshots)
			b, clock, processor := open(t, address)
			t.Logf("first answer after %v, %v of processor time on all threads", clock, processor)
			page, err := inspect.New(c.snapshots, nil)
			require.NoError(t, err)
			mux := http.NewServeMux()
			page.Register(mux)
			server := func(method, url string, body []byte) []byte {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequest(method, "/"+url, bytes.NewReader(body)))
				return w.Body.Bytes()
			}
			for _, url := range []string{"api/network", "api/samples", "api/filters?snapshot=0", "api/nothing",
				"api/filters?snapshot=99"} {
				assert.Equal(t, string(server("GET", url, nil)), string(ask(b, url, "")), url)
			}
			x := input(c.snapshots[0].Model)
			for snapshot := range c.snapshots {
				url := fmt.Sprintf("api/forward?form=values&snapshot=%d", snapshot)
				want, got := server("POST", url, x), ask(b, url, base64.StdEncoding.EncodeToString(x))
				require.Equal(t, len(want), len(got))
				assert.Less(t, largestDifference(want, got), 1e-5)
			}
		})
	}
}

// input is a smooth picture.
func input(m *graph.Model) (data []byte) {
	for i := range m.Spec().Input.TotalSize() {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(0.5+0.5*math.Sin(float64(i)/9))))
	}
	return data
}

// largestDifference is that of float32 values, in shares of the largest magnitude.
func largestDifference(a, b []byte) float64 {
	difference, largest := 0.0, 0.0
	for i := 0; i < len(a); i += 4 {
		x, y := math.Float32frombits(binary.LittleEndian.Uint32(a[i:])),
			math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))
		difference = max(difference, math.Abs(float64(x-y)))
		largest = max(largest, math.Abs(float64(x)))
	}
	return difference / largest
}
