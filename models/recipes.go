package models

// A Recipe is how a network is trained unless told otherwise.
type Recipe struct {
	Epochs, Batch int
	Optimizer     string
	LR            float64
	Schedule      string  // "constant" or "cosine"
	WeightDecay   float64 // λ of the L2 penalty's gradient λ·w; AdamW shrinks the weights by it instead
}

// bookRecipe is the one of Deep Learning from Scratch, ch07/train_convnet.py.
var bookRecipe = Recipe{Epochs: 20, Batch: 100, Optimizer: "adam", LR: 0.001, Schedule: "constant"}

var recipes = map[string]Recipe{
	"lenet":        {Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.005, Schedule: "cosine"},
	"lenet-tanh":   {Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.002, Schedule: "cosine", WeightDecay: 0.2},
	"lenet-modern": {Epochs: 20, Batch: 100, Optimizer: "adamw", LR: 0.002, Schedule: "cosine", WeightDecay: 0.3},
	// Krizhevsky et al. 2012, section 5: batches of 128, momentum 0.9, weight decay 0.0005, rate 0.01, about 90 epochs; the paper
	// lowered the rate by hand.
	"alexnet": {Epochs: 90, Batch: 128, Optimizer: "momentum", LR: 0.01, Schedule: "cosine", WeightDecay: 0.0005},
}

// RecipeFor is the recipe of a built-in network; any other network's is the book's.
func RecipeFor(name string) Recipe {
	if r, ok := recipes[name]; ok {
		return r
	}
	return bookRecipe
}
