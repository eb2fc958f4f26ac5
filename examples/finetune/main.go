// Command finetune continues the training of an imported network:
//
//	go run ./cmd/convgraph import net.onnx -o net.safetensors
//	go run ./examples/finetune net.safetensors tuned.safetensors
//	go run ./cmd/convgraph export tuned.safetensors -o tuned.onnx
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"convgraph/graph"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
	"convgraph/train/solver"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: finetune PARAMS TUNED")
	}
	if err := finetune(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func finetune(from, to string) error {
	model, err := graph.Load(from)
	if err != nil {
		return err
	}
	images, test, err := mnist.Load()
	if err != nil {
		return err
	}
	adam, err := solver.New("adam", solver.Config{LR: 0.0003}) // a small rate: the parameters are already good
	if err != nil {
		return err
	}
	trainer := train.NewTrainer(model, adam, dataset.Take(images, 5000), test)
	trainer.Epochs = 2
	result, err := trainer.Run(context.Background())
	if err != nil {
		return err
	}
	fmt.Println("test accuracy", result.Test)
	return model.Save(to)
}
