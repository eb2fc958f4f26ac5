package web_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/web"
)

const token = "0123456789abcdef"

// TestToken: without the token only /healthz and /readyz answer.
func TestToken(t *testing.T) {
	s := serve(t, echo(), web.Options{Token: token})
	basic := func(password string) string {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth("anyone", password)
		return r.Header.Get("Authorization")
	}
	for value, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer " + token[1:]: 401, "Bearer " + token + "0": 401, token: 401,
		"Digest " + token: 401,
		basic(""):         401, basic(token[1:]): 401, "Basic " + token: 401,
		"Bearer " + token: 200, "bearer " + token: 200, basic(token): 200,
	} {
		status, body := send(t, "POST", s.url+"/echo", nil, "Authorization", value)
		assert.Equal(t, want, status, value)
		if want == 401 {
			assert.Contains(t, reason(t, body), "want the header Authorization: Bearer TOKEN")
		}
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 401, "/": 401,
		"/healthz/": 401, "//healthz": 401} {
		status, _ := send(t, "GET", s.url+path, nil)
		assert.Equal(t, want, status, path)
	}
	answer, err := http.Get(s.url + "/echo")
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Len(t, answer.Header.Values("WWW-Authenticate"), 2, "a browser asks for the token")
}

func TestCheckToken(t *testing.T) {
	assert.NoError(t, web.CheckToken(token))
	assert.ErrorContains(t, web.CheckToken("short"),
		"got a token of 5 characters, want at least 16 that nobody can guess")
	assert.ErrorContains(t, web.CheckToken(""), "got a token of 0 characters")
	assert.ErrorContains(t, web.CheckToken(token+"\n"), "the token holds a space or a character that isn't ASCII")
	assert.ErrorContains(t, web.CheckToken("ğ"+token), "isn't ASCII")
}

// TestReadyChanges: /readyz follows Options.Ready; /healthz doesn't.
func TestReadyChanges(t *testing.T) {
	var broken atomic.Bool
	s := serve(t, echo(), web.Options{Ready: func() error {
		if broken.Load() {
			return errors.New("out of order")
		}
		return nil
	}})
	status, body := send(t, "GET", s.url+"/readyz", nil)
	assert.Equal(t, 200, status)
	assert.Equal(t, `{"status":"ready"}`+"\n", body)
	broken.Store(true)
	status, body = send(t, "GET", s.url+"/readyz", nil)
	assert.Equal(t, 503, status)
	assert.Equal(t, "out of order", reason(t, body))
	status, _ = send(t, "GET", s.url+"/healthz", nil)
	assert.Equal(t, 200, status)
	status, _ = send(t, "POST", s.url+"/readyz", nil)
	assert.Equal(t, 405, status)
}
