package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// leastToken is the least length of a token: 16 hexadecimal digits are 64 bits, too many to guess
// over a network.
const leastToken = 16

// CheckToken returns an error for a token that is too short or can't be sent in a header.
func CheckToken(token string) error {
	if len(token) < leastToken {
		return fmt.Errorf("got a token of %d characters, want at least %d that nobody can guess, "+
			"such as openssl rand -hex 16 prints", len(token), leastToken)
	}
	if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errors.New("the token holds a space or a character that isn't ASCII, which no HTTP header can carry")
	}
	return nil
}

// public lists the paths that need no token: they only tell a supervisor whether the server works.
var public = []string{"/healthz", "/readyz"}

// requireToken answers 401 to requests without the token. A program sends it as "Authorization:
// Bearer TOKEN"; a browser asks for it as a password, with any name.
func requireToken(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Hashes have equal lengths, so the time of the comparison reveals nothing about the token.
		got := sha256.Sum256([]byte(tokenOf(r)))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 || slices.Contains(public, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("WWW-Authenticate", `Bearer realm="convgraph"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="convgraph: the token is the password", charset="UTF-8"`)
		Error(w, http.StatusUnauthorized,
			errors.New("want the header Authorization: Bearer TOKEN with this server's token"))
	})
}

func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
