package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRun loads the real program for a moment: all requests are answered.
func TestRun(t *testing.T) {
	o, err := parseOptions([]string{"-connections", "1,4", "-duration", "100ms", "-body", "png", "-json"})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), o, &out))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.Len(t, r.Runs, 2)
	for _, s := range r.Runs {
		assert.Positive(t, s.Requests)
		assert.Zero(t, s.Errors)
		assert.GreaterOrEqual(t, s.Batch, 1.)
		assert.LessOrEqual(t, s.P50MS, s.P99MS)
		assert.Positive(t, s.After.Goroutines)
	}
	assert.InDelta(t, 1, r.Runs[0].Batch, 1e-9, "one connection has one image at a time")
}

// TestLoadCounts: answers other than 200 are errors, and everything that was asked is counted.
func TestLoadCounts(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		if asked.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	requests, err := requestsOf("json")
	require.NoError(t, err)
	r, err := load(context.Background(), strings.TrimPrefix(s.URL, "http://"), 3, 50*time.Millisecond, requests)
	require.NoError(t, err)
	assert.EqualValues(t, asked.Load(), len(r.waits)+r.errors)
	assert.EqualValues(t, asked.Load()/3, r.errors)

	s.Close()
	_, err = load(context.Background(), strings.TrimPrefix(s.URL, "http://"), 3, 50*time.Millisecond, requests)
	assert.Error(t, err)
}

func TestOptions(t *testing.T) {
	for args, want := range map[string]string{
		"-connections 0": "want numbers from 1 to 1024", "-connections 1,x": "want numbers", "-body gif": `-body is "gif"`,
		"-duration 40s": "at most 1m0s together", "-duration 0s": "want more than 0", "more": "want no arguments",
	} {
		_, err := parseOptions(strings.Fields(args))
		assert.ErrorContains(t, err, want)
	}
}

func TestQuantile(t *testing.T) {
	var waits []time.Duration
	for i := range 200 {
		waits = append(waits, time.Duration(i+1)*time.Millisecond)
	}
	assert.InDeltaSlice(t, []float64{100, 198, 200}, []float64{quantile(waits, 0.5), quantile(waits, 0.99), quantile(waits, 1)}, 1e-9)
	assert.Zero(t, quantile(nil, 0.5))
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report{Body: "json", Runs: []row{{Connections: 8, PerSecond: 1234, P99MS: 5.678}}}.print(&out))
	assert.Contains(t, out.String(), "requests of one image as json")
	assert.Regexp(t, `\n +8 +1234 +0\.00 +5\.68 `, out.String())
}
