// Command classify is a minimal program that uses a trained network: it loads the parameters, reads
// a picture and prints its class.
//
//	go run ./examples/classify runs/simpleconvnet/params.safetensors seven.png
package main

import (
	"fmt"
	"log"
	"os"
	"slices"

	"convgraph/classify"
	"convgraph/graph"
)

func main() {
	model, err := graph.Load(os.Args[1]) // a params.safetensors, which describes itself
	if err != nil {
		log.Fatal(err)
	}
	input := model.Spec().Input
	sample, err := classify.Preprocessing(model.Spec()).Read(os.Args[2], input) // any picture file
	if err != nil {
		log.Fatal(err)
	}
	logits := make([]float32, model.Classes())
	if err := model.PredictInto(logits, sample.Pixels); err != nil { // safe from many goroutines; allocates nothing
		log.Fatal(err)
	}
	fmt.Println(slices.Index(logits, slices.Max(logits)))
}
