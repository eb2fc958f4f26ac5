// Command pretrained writes SqueezeNet 1.0 with weights for ImageNet's classes to a parameter file,
// for predicting or for fine-tuning:
//
//	go run ./examples/pretrained squeezenet.safetensors
package main

import (
	"log"
	"os"

	"convgraph/pretrained"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: pretrained FILE.safetensors")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func write(path string) error {
	model, err := pretrained.SqueezeNet()
	if err != nil {
		return err
	}
	return model.Save(path)
}
