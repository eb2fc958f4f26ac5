package main

// A work is what every contender does, and who contends.
type work struct {
	Name    string  // our benchmark
	pkg     string  // its package
	batch   int     // images
	torch   string  // PyTorch's model; empty: PyTorch doesn't take part
	atMost  float64 // what our time over the peer's should be at most; 0: nothing is aimed at
	blas    bool    // OpenBLAS takes part
	stock   string  // the benchmark of gorgonia's stock ops
	single  bool    // on one thread, whatever the others use
	seconds float64 // length of a measurement, as go test's -benchtime
	count   int     // measurements a run; the run's figure is their median
}

// works are the rows of the table. AlexNet takes long, so a run of it is one measurement.
var works = []work{
	{Name: "TrainStep/SimpleConvNet", pkg: "models", batch: 100, torch: "SimpleConvNet", atMost: 0.40, stock: "StockTrainStep/SimpleConvNet", seconds: 0.4, count: 5},
	{Name: "TrainStep/LeNet", pkg: "models", batch: 100, torch: "LeNet", atMost: 0.45, seconds: 0.4, count: 5},
	{Name: "TrainStep/AlexNet", pkg: "models", batch: 32, torch: "AlexNet", atMost: 0.85, seconds: 5, count: 1},
	{Name: "Predict1/SimpleConvNet", pkg: "models", batch: 1, torch: "SimpleConvNet", atMost: 0.35, seconds: 0.2, count: 5},
	{Name: "Predict1/LeNet", pkg: "models", batch: 1, torch: "LeNet", atMost: 0.35, seconds: 0.2, count: 5},
	{Name: "Predict1/AlexNet", pkg: "models", batch: 1, torch: "AlexNet", atMost: 0.90, seconds: 1, count: 1},
	{Name: "PredictBatch/SimpleConvNet", pkg: "models", batch: 1000, torch: "SimpleConvNet", atMost: 0.40, seconds: 0.4, count: 5},
	{Name: "PredictBatch/LeNet", pkg: "models", batch: 1000, torch: "LeNet", seconds: 0.4, count: 5},
	{Name: "PredictBatch/AlexNet", pkg: "models", batch: 32, torch: "AlexNet", seconds: 2, count: 1},
	{Name: "SGEMM1024", pkg: "bench", blas: true, atMost: 1, single: true, seconds: 0.4, count: 5},
}

// stockAtMost is what our time over that of gorgonia's stock ops should be at most.
const stockAtMost = 1. / 30
