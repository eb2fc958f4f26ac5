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
	r, err := load(context.Background(), strings.TrimPrefix(s.URL, "http://"), 3,
		quota{during: 50 * time.Millisecond}, requests)
	require.NoError(t, err)
	assert.EqualValues(t, asked.Load(), len(r.waits)+r.errors)
	assert.EqualValues(t, asked.Load()/3, r.errors)

	was := asked.Load()
	r, err = load(context.Background(), strings.TrimPrefix(s.URL, "http://"), 3,
		quota{during: time.Minute, requests: 100}, requests)
	require.NoError(t, err)
	assert.EqualValues(t, 100, len(r.waits)+r.errors)
	assert.EqualValues(t, 100, asked.Load()-was)

	s.Close()
	_, err = load(context.Background(), strings.TrimPrefix(s.URL, "http://"), 3,
		quota{during: 50 * time.Millisecond}, requests)
	assert.Error(t, err)
}

func TestOptions(t *testing.T) {
	for args, want := range map[string]string{
		"-connections 0": "want numbers from 1 to 1024", "-connections 1,x": "want numbers",
		"-body gif": `-body: got "gif"`, "-requests -1": "-requests: got -1, want 0 to 10000000",
		"-duration 40s": "at most 1m0s together", "-duration 0s": "want more than 0", "more": "want no arguments",
	} {
		_, err := parseOptions(strings.Fields(args))
		assert.ErrorContains(t, err, want)
	}
}

// TestCheck: an error, a missing answer and memory that grows fail a run of a number of requests.
func TestCheck(t *testing.T) {
	steady := []float64{10, 40, 44, 43, 45, 44, 43, 47}
	growing := []float64{10, 40, 44, 43, 60, 70, 80, 90}
	check := func(s row) error {
		s.Connections = 64
		return report{Runs: []row{s}}.check(100)
	}
	assert.NoError(t, check(row{Requests: 100, ResidentMB: steady}))
	assert.NoError(t, check(row{Requests: 100}), "a system that doesn't tell its memory")
	assert.EqualError(t, check(row{Requests: 98, Errors: 2}),
		"64 connections: 100 of 100 requests were answered, 2 with another status than 200")
	assert.EqualError(t, check(row{Requests: 99}),
		"64 connections: 99 of 100 requests were answered, 0 with another status than 200")
	assert.EqualError(t, check(row{Requests: 100, ResidentMB: growing}),
		"64 connections: the server's memory grew from 44 MB to 90 MB")
}

// TestRunOfRequests is the command for a number of requests.
func TestRunOfRequests(t *testing.T) {
	o, err := parseOptions([]string{"-connections", "8", "-requests", "200", "-json"})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), o, &out))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	assert.Equal(t, 200, r.Runs[0].Requests)
}

func TestQuantile(t *testing.T) {
	var waits []time.Duration
	for i := range 200 {
		waits = append(waits, time.Duration(i+1)*time.Millisecond)
	}
	assert.InDeltaSlice(t, []float64{100, 198, 200},
		[]float64{quantile(waits, 0.5), quantile(waits, 0.99), quantile(waits, 1)}, 1e-9)
	assert.Zero(t, quantile(nil, 0.5))
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report{Body: "json", Runs: []row{{Connections: 8, PerSecond: 1234, P99MS: 5.678}}}.print(&out))
	assert.Contains(t, out.String(), "requests of one image as json")
	assert.Regexp(t, `\n +8 +1234 +0\.00 +5\.68 `, out.String())
}
