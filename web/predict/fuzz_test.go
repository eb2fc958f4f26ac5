package predict

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"convgraph/classify"
)

// FuzzPredict: any body is either refused with a status and a reason, or every image gets a
// prediction.
func FuzzPredict(f *testing.F) {
	s, err := New(model(f, colors()), Options{MaxBatch: 4, maxPixels: 1 << 16})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	flat := "[0,1,0.5,0,0,0,0,0,1e-3,0,0,1]"
	for _, document := range []string{
		`{"image": ` + flat + `}`, `{"images": [` + flat + `,[[[0,0],[0,0]],[[1,0],[0,0]],[[0,0],[0,1]]]]}`,
		`{"max": 255, "image": ` + flat + `}`,
		`{"image": [[[[`, `{"image": 1e999}`, `{"images": [` + strings.Repeat("[],", 9), `null`,
	} {
		f.Add("application/json", []byte(document))
	}
	picture := encoded(f, drawn())
	f.Add("image/png", picture)
	f.Add("image/jpeg", picture[:len(picture)/2])
	f.Add("multipart/form-data; boundary=x",
		append([]byte("--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n"),
			append(picture, "\r\n--x--\r\n"...)...))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		w := post(s, kind, bytes.NewReader(body))
		switch w.Code {
		case http.StatusOK:
			wellFormed(t, w.Body.Bytes())
		case 400, 413, 415, 422, 503:
			var answer struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Error == "" {
				t.Fatalf("status %d without a reason: %s", w.Code, w.Body)
			}
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}

// wellFormed checks one or several predictions, each with descending probabilities.
func wellFormed(t *testing.T, body []byte) {
	if body[0] != '[' {
		body = append(append([]byte("["), body...), ']')
	}
	var all []classify.Prediction
	if err := json.Unmarshal(body, &all); err != nil || len(all) == 0 {
		t.Fatalf("%v: %s", err, body)
	}
	for _, p := range all {
		sum := float32(0)
		for _, g := range p.Top {
			sum += g.Probability
		}
		if len(p.Top) != 3 || p.Top[0] != *p.Guess || p.Top[1].Probability < p.Top[2].Probability || sum > 1.0001 {
			t.Fatalf("%+v", p)
		}
	}
}
