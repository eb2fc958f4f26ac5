// Command convgraph trains networks and looks into them: their layers, graphs, gradients, filters and
// predictions.
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
	Train     training.Command `cmd:"" help:"Train a network on MNIST, or on other images: the same as trainmnist."`
	Summary   summary          `cmd:"" help:"Layers, shapes, parameters, multiply-adds and memory of a model."`
	Gradcheck gradCheck        `cmd:"" help:"Autodiff against numerical gradients."`
	Profile   profile          `cmd:"" help:"Where the time of a training step goes, layer by layer, and what limits it."`
	Graph     graphPicture     `cmd:"" help:"A picture of a model's symbolic graph."`
	Filters   filters          `cmd:"" help:"A picture of a convolution's filters."`
	Apply     apply            `cmd:"" help:"What the first filters answer to an image."`
	Features  features         `cmd:"" help:"What every layer makes of an image, and an overview."`
	Maximize  maximize         `cmd:"" help:"The input and the training images that excite a unit most."`
	Atlas     atlas            `cmd:"" help:"What every layer looks for: pictures that excite its units most."`
	Saliency  saliency         `cmd:"" help:"The pixels that a decision hangs on."`
	Confusion confusion        `cmd:"" help:"The confusion matrix and the misclassified images."`
	Mistakes  mistakes         `cmd:"" help:"A gallery of the mistakes that a model is surest of, with heat maps."`
	Predict   predict          `cmd:"" help:"Recognise pictures."`
	Eval      eval             `cmd:"" help:"Count the right answers of a trained model."`
	RunArrays runArrays        `cmd:"" name:"run" help:"Logits and probabilities of the images in an .npz file."`
	Gradients runGradients     `cmd:"" help:"Loss and gradients of the images and targets in an .npz file: labels, or a distribution over the classes for each image."`
	Curvature curvature        `cmd:"" help:"The largest eigenvalues of the Hessian, and the loss along their directions."`
	Serve     serve            `cmd:"" help:"Answer predictions over HTTP."`
	Fold      fold             `cmd:"" help:"Fold BatchNorm layers into the layers before them, for prediction."`
	Import    importFile       `cmd:"" help:"Take parameters from another program's file."`
	Export    exportFile       `cmd:"" help:"Write parameters for another program."`
	Images    images           `cmd:"" help:"Write MNIST, or data of its format, as class folders of RGB PNG images."`
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
		kong.Description("Train convolutional networks and look into them: layers, graphs, gradients, filters, predictions."),
		training.Vars(),
		kong.Vars{"models": strings.Join(models.Names(), ", "), "methods": strings.ReplaceAll(insight.MethodNames(), " ", "")},
	}
}
