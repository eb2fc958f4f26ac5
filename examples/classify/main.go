// Command classify is the least a Go program needs to use a trained network: load its parameters, predict an image.
package main

import (
	"fmt"
	"log"
	"os"

	"convgraph/graph"
)

func main() {
	model, err := graph.Load(os.Args[1]) // a params.safetensors, which describes itself
	if err != nil {
		log.Fatal(err)
	}
	image := make([]float32, model.Spec().Input.TotalSize()) // (channels, height, width), values from 0 to 1
	logits := make([]float32, model.Classes())
	if err := model.PredictInto(logits, image); err != nil { // safe from many goroutines; allocates nothing
		log.Fatal(err)
	}
	fmt.Println(logits)
}
