// Package testutil helps the tests of several packages: tables of errors in docs/corrupt.md, file
// systems to fill and files to protect, waiting for goroutines, and the race detector.
package testutil
