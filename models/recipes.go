package models

import (
	"fmt"
	"strings"
)

// A Recipe is how a network is trained unless told otherwise.
type Recipe struct {
	Epochs, Batch  int
	Optimizer      string
	LR             float64
	Schedule       string  // "constant" or "cosine"
	Warmup         int     // steps in which the rate first goes up
	WeightDecay    float64 // λ of the L2 penalty's gradient λ·w; AdamW shrinks the weights by it instead
	Init           string  // how the weights start, as graph.ParseInit reads it; empty: as the network says
	Augment        string  // what happens to training images, as trainmnist's -augment says it; empty: nothing
	Average        float64 // decay of the moving average of the parameters that the training ends with; 0: it ends with the last ones
	LabelSmoothing float64 // share of each target that is spread over all classes
}

// bookRecipe is the one of Deep Learning from Scratch, ch07/train_convnet.py.
var bookRecipe = Recipe{Epochs: 20, Batch: 100, Optimizer: "adam", LR: 0.001, Schedule: "constant"}

// recipes are by name and network. Those of this project were chosen by the accuracy on the last 10,000 training images after training on
// the others; the test images had no part in it.
var recipes = []struct {
	name, model string
	Recipe
}{
	{"book", "simpleconvnet", bookRecipe},
	{"book", "lenet", Recipe{Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.005, Schedule: "cosine"}},
	{"book", "lenet-tanh", Recipe{Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.002, Schedule: "cosine", WeightDecay: 0.2}},
	{"book", "lenet-modern", Recipe{Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.002, Schedule: "cosine", WeightDecay: 0.3}},
	// He et al. 2015, section 4.2: momentum, rate 0.1, batches of 128. MNIST takes three epochs of one
	// cycle where CIFAR took 64,000 steps.
	{"book", "resnet20", Recipe{
		Epochs: 3, Batch: 128, Optimizer: "momentum", LR: 0.1, Schedule: "cosine", Warmup: 200, WeightDecay: 0.0005,
	}},
	// Krizhevsky et al. 2012, section 5: batches of 128, momentum 0.9, weight decay 0.0005, rate 0.01, about 90 epochs; the paper
	// lowered the rate by hand.
	{"book", "alexnet", Recipe{Epochs: 90, Batch: 128, Optimizer: "momentum", LR: 0.01, Schedule: "cosine", WeightDecay: 0.0005}},
	// One cycle (Smith and Topin 2018) up to six times the book's rate; without the smoothing it ends 0.1% lower.
	{"fast", "simpleconvnet", Recipe{
		Epochs: 3, Batch: 100, Optimizer: "adamw", LR: 0.006, Schedule: "cosine", Warmup: 360, Init: "he", LabelSmoothing: 0.1,
	}},
	{"best", "lenet-wide", Recipe{
		Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.003, Schedule: "cosine", Warmup: 1200, WeightDecay: 0.05,
		Augment: "shift=1,rotate=10,scale=0.1,elastic=20",
	}},
}

// RecipeNames are the recipes there are for one network or another: the book's, or the network's own in its place; the one that gets to the
// book's accuracy in the least time; and the one that gets to the highest.
func RecipeNames() []string { return []string{"book", "fast", "best"} }

// RecipeFor is a built-in network's recipe of that name. Any other network's book recipe is that of SimpleConvNet; it has no others.
func RecipeFor(name, model string) (Recipe, error) {
	var others []string
	for _, r := range recipes {
		switch {
		case r.name == name && r.model == model:
			return r.Recipe, nil
		case r.name == name:
			others = append(others, r.model)
		}
	}
	switch {
	case name == "book":
		return bookRecipe, nil
	case others == nil:
		return Recipe{}, fmt.Errorf("recipe %q is unknown: want one of %s", name, strings.Join(RecipeNames(), ", "))
	}
	return Recipe{}, fmt.Errorf("model %q has no recipe %q, only %s has: give its settings yourself, or take the recipe book", model, name, strings.Join(others, ", "))
}

// ModelFor is the network that a recipe trains when none is named: the first that it is for.
func ModelFor(recipe string) string {
	for _, r := range recipes {
		if r.name == recipe {
			return r.model
		}
	}
	return recipes[0].model
}
