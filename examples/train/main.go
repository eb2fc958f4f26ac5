// Command train declares a small residual network, trains it on MNIST for one epoch and saves it:
//
//	go run ./examples/train digits.safetensors
//	go run ./cmd/convgraph predict digits.safetensors digit.png
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/train"
	"convgraph/train/mnist"
	"convgraph/train/solver"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: train PARAMS")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(params string) error {
	conv := graph.Conv2D{Filters: 16, Kernel: graph.Square(3), Pad: graph.Square(1)}
	model, err := graph.New(graph.Sequential("mine", tensor.Shape{1, 28, 28}, graph.He(),
		conv, graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)},
		graph.Residual(graph.Serial(conv, graph.BatchNorm{}, graph.ReLU{}, conv, graph.BatchNorm{})),
		graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 10}, graph.Softmax{},
	))
	if err != nil {
		return err
	}
	images, test, err := mnist.Load() // or dataset.Open: a folder of pictures, Parquet, tar, CSV
	if err != nil {
		return err
	}
	adam, err := solver.New("adam", solver.Config{LR: 0.001})
	if err != nil {
		return err
	}
	trainer := train.NewTrainer(model, adam, images, test)
	trainer.Epochs = 1
	trainer.Callbacks = []train.Callback{&train.ProgressLines{W: os.Stderr}}
	result, err := trainer.Run(context.Background()) // the same seed gives the same bits
	if err != nil {
		return err
	}
	fmt.Println("test accuracy", result.Test)
	return model.Save(params)
}
