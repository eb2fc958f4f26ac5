// Command trainmnist trains a network on MNIST, or on other images, and writes its parameters,
// history and pictures.
//
//	go run ./cmd/trainmnist
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"convgraph/cmd/internal/training"
)

func main() {
	var command training.Command
	os.Exit(training.Main("trainmnist", &command, &command, os.Args[1:], os.Stdout, os.Stderr,
		kong.Description(training.Description)))
}
