// Library trains a network on a folder of pictures, saves it, and says what a picture shows. It is
// the program of docs/library.md, for a module of your own.
//
//	go run ./cmd/convgraph images -train-samples 3000 -test-samples 500 -o digits
//	go run ./examples/library digits digits/test/7/000.png
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/solver"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: library FOLDER PICTURE")
	}
	folder, picture, input := os.Args[1], os.Args[2], []int{3, 28, 28}
	images, test, err := dataset.Open(folder, dataset.PictureOptions{Shape: input})
	check(err)

	conv := graph.Serial(graph.Conv2D{Filters: 16, Kernel: graph.Square(3)}, graph.BatchNorm{}, graph.ReLU{})
	half := graph.MaxPool{Kernel: graph.Square(2)}
	spec := graph.Sequential("mine", input, graph.He(),
		conv, half, conv, half, conv, graph.Affine{Units: images.Classes()}, graph.Softmax{})
	spec.ClassNames = images.ClassNames()
	model, err := graph.New(spec)
	check(err)

	adam, err := solver.New("adam", solver.Config{LR: 0.003})
	check(err)
	trainer := train.NewTrainer(model, adam, images, test)
	trainer.Epochs = 3
	result, err := trainer.Run(context.Background())
	check(err)
	fmt.Println("test accuracy", result.Test)

	sample, err := classify.Preprocessing(spec).Read(picture, input) // any picture file, as the network wants it
	check(err)
	p := make([]float32, model.Classes())
	check(model.ProbabilitiesInto(p, sample.Pixels)) // safe from many goroutines
	fmt.Println(picture, classify.Top(spec, p, 1)[0].Name)
	check(model.Save("mine.safetensors")) // graph.Load reads it
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
