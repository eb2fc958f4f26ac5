package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"convgraph/train/mnist"
)

// A result is what one run's connections saw together.
type result struct {
	took   time.Duration
	waits  []time.Duration // of the answers with status 200
	errors int             // answers of any other kind
}

// A quota is how much a run asks: for a time, or a number of requests.
type quota struct {
	during   time.Duration
	requests int // 0 is as many as there is time for
}

// load asks over that many connections, each again as soon as it has its answer, until the quota is
// used up. A connection that breaks ends the run with an error.
//
// The client writes requests made beforehand and reads answers with net/http's reader alone:
// http.Client would take about as much of the machine as the server.
func load(ctx context.Context, addr string, connections int, q quota, requests [][]byte) (result, error) {
	began := time.Now()
	ctx, cancel := context.WithDeadline(ctx, began.Add(q.during))
	defer cancel()
	var asked atomic.Int64
	more := func(first bool) bool {
		if q.requests > 0 {
			return asked.Add(1) <= int64(q.requests) && ctx.Err() == nil
		}
		return first || ctx.Err() == nil // on a busy machine the time may be over before the connection is made
	}
	results, failures := make([]result, connections), make([]error, connections)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() { results[i], failures[i] = ask(addr, more, requests[i*len(requests)/connections:]) })
	}
	all.Wait()
	total := result{took: time.Since(began)}
	for i, r := range results {
		if failures[i] != nil {
			return total, failures[i]
		}
		total.waits, total.errors = append(total.waits, r.waits...), total.errors+r.errors
	}
	return total, nil
}

// ask is one connection, which sends the requests in turn as long as there are more.
func ask(addr string, more func(first bool) bool, requests [][]byte) (r result, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return r, err
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for i := 0; more(i == 0); i++ {
		began := time.Now()
		if _, err := c.Write(requests[i%len(requests)]); err != nil {
			return r, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return r, err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return r, err
		}
		if answer.StatusCode != http.StatusOK {
			r.errors++
			continue
		}
		r.waits = append(r.waits, time.Since(began))
	}
	return r, nil
}

// different is how many images the requests carry.
const different = 256

// requestsOf makes requests of MNIST's test images.
func requestsOf(body string) ([][]byte, error) {
	_, set, err := mnist.Load()
	if err != nil {
		return nil, err
	}
	kind, encode := "application/json", document
	if body == "png" {
		kind, encode = "image/png", picture
	}
	pixels := make([]float32, set.Shape().TotalSize())
	requests := make([][]byte, different)
	for i := range requests {
		if _, err := set.Sample(i, pixels); err != nil {
			return nil, err
		}
		content, err := encode(pixels)
		if err != nil {
			return nil, err
		}
		requests[i] = fmt.Appendf(nil,
			"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind,
			len(content), content)
	}
	return requests, nil
}

const side = 28

// gray is a pixel from 0 to 255.
func gray(v float32) uint8 { return uint8(math.Round(255 * float64(v))) }

func document(pixels []float32) ([]byte, error) {
	rows := make([][]int, side)
	for i, v := range pixels {
		rows[i/side] = append(rows[i/side], int(gray(v)))
	}
	return json.Marshal(map[string]any{"image": rows, "max": 255})
}

func picture(pixels []float32) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i, v := range pixels {
		img.Pix[i] = gray(v)
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
