// Package training is the command that trains networks: trainmnist, and convgraph train.
package training

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"convgraph/internal/cli"
	"convgraph/internal/mpi"
	"convgraph/models"
	"convgraph/train/solver"
)

// Description begins the help.
const Description = "Train a network on MNIST, or on other images, and write its parameters, history and pictures. " +
	"Flags take one dash or two."

// Main runs a program whose arguments choose the training command c, which is the grammar itself or
// one of its subcommands, and returns the exit code. With -mpi it joins the other ranks before it
// checks anything: they wait until all have joined.
func Main(program string, grammar any, c *Command, args []string, stdout, stderr io.Writer,
	options ...kong.Option) int {
	options = append(options, kong.Name(program), Vars())
	if !asksForMPI(args) {
		return cli.Main(grammar, args, stdout, stderr, options...)
	}
	world, err := mpi.Start()
	if err != nil {
		fmt.Fprintf(stderr, "%s: -mpi: %v\n", program, err)
		return cli.Failed
	}
	defer world.NamePanic()
	rank, _ := world.Rank()
	if rank > 0 {
		stdout = io.Discard
	}
	stderr = &rankWriter{w: stderr, rank: rank}
	c.world = world
	code := cli.Main(grammar, args, stdout, stderr, options...)
	if c.settled || code == cli.OK {
		world.Exit(code)
	}
	world.Abort(code)
	return code
}

// Vars are the names that the help of the flags lists.
func Vars() kong.Vars {
	return kong.Vars{
		"models": strings.Join(models.Names(), ", "), "optimizers": strings.Join(solver.Names(), ", "),
		"augmentations": augmentationNames(), "recipes": strings.Join(models.RecipeNames(), ","),
	}
}
