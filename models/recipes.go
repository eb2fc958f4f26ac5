package models

import (
	"fmt"
	"strings"
)

// A Recipe holds the default training settings of a network.
type Recipe struct {
	Epochs, Batch  int
	Optimizer      string
	LR             float64
	Schedule       string  // "constant" or "cosine"
	Warmup         int     // steps of increasing learning rate at the start
	WeightDecay    float64 // λ of the L2 penalty's gradient λ·w; with AdamW, of decoupled weight decay
	Init           string  // initial weights, parsed by graph.ParseInit; empty: the network's
	Augment        string  // augmentations of training images, parsed by dataset.ParseAugmentation; empty: none
	Average        float64 // EMA decay of the final weights; 0: off
	LabelSmoothing float64 // fraction of each target that is spread over all classes
	Hardest        float64 // share of the images, with the largest losses, that epochs after the first visit; 0: all
}

// bookRecipe is that of Deep Learning from Scratch, ch07/train_convnet.py.
var bookRecipe = Recipe{Epochs: 20, Batch: 100, Optimizer: "adam", LR: 0.001, Schedule: "constant"}

// recipes lists the settings by recipe and network. This project's own were chosen by the accuracy
// on the last 10,000 training images after training on the others, without looking at the test
// images.
var recipes = []struct {
	name, model string
	Recipe
}{
	{"book", "simpleconvnet", bookRecipe},
	{"book", "lenet", Recipe{Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.005, Schedule: "cosine"}},
	{"book", "lenet-tanh", Recipe{
		Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.002, Schedule: "cosine", WeightDecay: 0.2,
	}},
	{"book", "lenet-modern", Recipe{
		Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.002, Schedule: "cosine", WeightDecay: 0.3,
	}},
	// He et al. 2015, section 4.2: momentum, rate 0.1, batches of 128. MNIST needs three epochs of
	// one cycle, CIFAR needed 64,000 steps.
	{"book", "resnet20", Recipe{
		Epochs: 3, Batch: 128, Optimizer: "momentum", LR: 0.1, Schedule: "cosine", Warmup: 200, WeightDecay: 0.0005,
	}},
	// Krizhevsky et al. 2012, section 5: batches of 128, momentum 0.9, weight decay 0.0005, rate
	// 0.01, about 90 epochs; the paper lowered the rate by hand.
	{"book", "alexnet", Recipe{
		Epochs: 90, Batch: 128, Optimizer: "momentum", LR: 0.01, Schedule: "cosine", WeightDecay: 0.0005,
	}},
	// One cycle (Smith and Topin 2018) up to twelve times the book's rate. Without label smoothing,
	// and with as many steps of images drawn at random, the accuracy is 0.1% lower.
	{"fast", "simpleconvnet", Recipe{
		Epochs: 3, Batch: 100, Optimizer: "adamw", LR: 0.012, Schedule: "cosine", Warmup: 300,
		Init: "he", LabelSmoothing: 0.1, Hardest: 0.25,
	}},
	{"best", "lenet-wide", Recipe{
		Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.003, Schedule: "cosine", Warmup: 1200, WeightDecay: 0.05,
		Augment: "shift=1,rotate=10,scale=0.1,elastic=20",
	}},
}

// RecipeNames returns the names of all recipes: "book", the book's or the network's own; "fast",
// which reaches the book's accuracy in the shortest time; and "best", which reaches the highest
// accuracy.
func RecipeNames() []string { return []string{"book", "fast", "best"} }

// RecipeFor returns a network's recipe of the given name. A network without one of its own has only
// the recipe "book", that of SimpleConvNet.
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
	return Recipe{}, fmt.Errorf("model %q has no recipe %q: want %q, or one of the models %s",
		model, name, "book", strings.Join(others, ", "))
}

// ModelFor returns the network that a recipe trains by default: the first one that has it.
func ModelFor(recipe string) string {
	for _, r := range recipes {
		if r.name == recipe {
			return r.model
		}
	}
	return recipes[0].model
}
