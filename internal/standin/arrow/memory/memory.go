// Package memory is empty. Gorgonia's own tests import Arrow's, which go mod tidy wants to find.
package memory
