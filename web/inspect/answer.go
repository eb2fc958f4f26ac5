package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"

	"convgraph/web"
	"convgraph/web/ui"
)

// A requestError is an error of the client.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// endpoint serves one method of a URL. It answers a handler's error as {"error": "…"}.
func endpoint(method string, handle func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return ui.Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		err := wrongMethod(method, w, r)
		if err == nil {
			err = handle(w, r)
		}
		if err != nil && r.Context().Err() == nil {
			writeError(w, err)
		}
	}))
}

func wrongMethod(want string, w http.ResponseWriter, r *http.Request) error {
	if r.Method == want {
		return nil
	}
	w.Header().Set("Allow", want)
	return &requestError{http.StatusMethodNotAllowed, fmt.Sprintf("%s %s: want %s", r.Method, r.URL.Path, want)}
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var request *requestError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &request):
		status = request.status
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	}
	web.Error(w, status, err)
}

// A number is a float32 in JSON, with all its digits. NaN and the infinities, which JSON lacks, are
// strings.
type number float32

// MarshalJSON writes the number.
func (n number) MarshalJSON() ([]byte, error) {
	switch v := float64(n); {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 0):
		return fmt.Appendf(nil, `"%+v"`, v), nil
	}
	return json.Marshal(float32(n))
}

func numbers(values []float32) []number {
	all := make([]number, len(values))
	for i, v := range values {
		all[i] = number(v)
	}
	return all
}
