// Command trainmnist trains a network on MNIST, or on other data of its format, and leaves the parameters, the history and pictures behind.
//
//	go run ./cmd/trainmnist
package main

import (
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"convgraph/models"
	"convgraph/train/solver"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func options() []kong.Option {
	return []kong.Option{
		kong.Name("trainmnist"),
		kong.Description("Train a network on MNIST and leave its parameters, history and pictures behind."),
		kong.Vars{
			"models": strings.Join(models.Names(), ", "), "optimizers": strings.Join(solver.Names(), ", "), "augmentations": augmentationNames(),
			"recipes": strings.Join(models.RecipeNames(), ","),
		},
	}
}
