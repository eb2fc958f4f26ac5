// Command convgraph trains networks and looks into them: their layers, graphs, gradients, filters
// and predictions.
//
//	go run ./cmd/convgraph -help
package main

import (
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"convgraph/cmd/internal/training"
	"convgraph/insight"
	"convgraph/internal/cli"
	"convgraph/models"
)

// grammar is convgraph's subcommands.
type grammar struct {
	Train     training.Command `cmd:"" help:"Train a network: the same as trainmnist."`
	Summary   summary          `cmd:"" help:"Print a model's layers, shapes, parameters, multiply-adds and memory."`
	Gradcheck gradCheck        `cmd:"" help:"Compare gradients with finite differences."`
	Profile   profile          `cmd:"" help:"Time each layer of a training step, and show what limits it."`
	Graph     graphPicture     `cmd:"" help:"Draw a model's symbolic graph, or its layers."`
	Filters   filters          `cmd:"" help:"Draw a convolution's filters."`
	Apply     apply            `cmd:"" help:"Draw the first filters' responses to an image."`
	Features  features         `cmd:"" help:"Draw every layer's output for an image, and an overview."`
	Maximize  maximize         `cmd:"" help:"Draw the input and the training images that excite a unit most."`
	Atlas     atlas            `cmd:"" help:"Draw what every layer looks for: pictures that excite its units most."`
	Saliency  saliency         `cmd:"" help:"Draw which pixels a decision depends on."`
	Confusion confusion        `cmd:"" help:"Draw the confusion matrix and the misclassified images."`
	Mistakes  mistakes         `cmd:"" help:"Make a gallery of a model's surest mistakes, with heat maps."`
	Predict   predict          `cmd:"" help:"Classify pictures."`
	Eval      eval             `cmd:"" help:"Measure a trained model's accuracy."`
	RunArrays runArrays        `cmd:"" name:"run" help:"Compute logits and probabilities of the images in an .npz file."`
	Gradients runGradients     `cmd:"" help:"Compute the loss and its gradients for the images and targets in an .npz file."`
	Curvature curvature        `cmd:"" help:"Compute the largest eigenvalues of the Hessian, and draw the loss along their directions."`
	Serve     serve            `cmd:"" help:"Serve predictions and a page over HTTP."`
	Fold      fold             `cmd:"" help:"Fold BatchNorm layers into the layers before them, for prediction."`
	Import    importFile       `cmd:"" help:"Convert another program's file to a params.safetensors."`
	Export    exportFile       `cmd:"" help:"Convert a params.safetensors for another program."`
	Images    images           `cmd:"" help:"Write MNIST or other data as class folders, Parquet or tar files, or a list."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	var g grammar
	if len(args) > 0 && args[0] == "train" { // which may have to join other processes first
		return training.Main(program, &g, &g.Train, args, stdout, stderr, options()...)
	}
	return cli.Main(&g, args, stdout, stderr, options()...)
}

const program = "convgraph"

func options() []kong.Option {
	return []kong.Option{
		kong.Name(program),
		kong.Description("Train convolutional networks and look into them: " +
			"layers, graphs, gradients, filters, predictions."),
		training.Vars(),
		kong.Vars{"models": strings.Join(models.Names(), ", "),
			"methods": strings.ReplaceAll(insight.MethodNames(), " ", "")},
	}
}
