package main

// benchCase is one thing to measure, and the competitors in it.
type benchCase struct {
	Name    string  // of our benchmark
	pkg     string  // package of our benchmark
	batch   int     // images
	torch   string  // PyTorch's model; empty: without PyTorch
	atMost  float64 // target for our time over the peer's; 0: no target
	blas    bool    // with OpenBLAS
	stock   string  // benchmark of gorgonia's stock ops
	single  bool    // always on one thread
	seconds float64 // length of a measurement, as go test's -benchtime
	count   int     // measurements in a run, whose result is their median
}

// cases are the rows of the table. AlexNet takes long, so a run of it is one measurement.
var cases = []benchCase{
	{
		Name: "TrainStep/SimpleConvNet", pkg: "models", batch: 100, torch: "SimpleConvNet", atMost: 0.40,
		stock: "StockTrainStep/SimpleConvNet", seconds: 0.4, count: 5,
	},
	{Name: "TrainStep/LeNet", pkg: "models", batch: 100, torch: "LeNet", atMost: 0.45, seconds: 0.4, count: 5},
	{Name: "TrainStep/AlexNet", pkg: "models", batch: 32, torch: "AlexNet", atMost: 0.85, seconds: 5, count: 1},
	{
		Name: "Predict1/SimpleConvNet", pkg: "models", batch: 1, torch: "SimpleConvNet", atMost: 0.35, seconds: 0.2,
		count: 5,
	},
	{Name: "Predict1/LeNet", pkg: "models", batch: 1, torch: "LeNet", atMost: 0.35, seconds: 0.2, count: 5},
	{Name: "Predict1/AlexNet", pkg: "models", batch: 1, torch: "AlexNet", atMost: 0.90, seconds: 1, count: 1},
	{
		Name: "PredictBatch/SimpleConvNet", pkg: "models", batch: 1000, torch: "SimpleConvNet", atMost: 0.40,
		seconds: 0.4, count: 5,
	},
	{Name: "PredictBatch/LeNet", pkg: "models", batch: 1000, torch: "LeNet", seconds: 0.4, count: 5},
	{Name: "PredictBatch/AlexNet", pkg: "models", batch: 32, torch: "AlexNet", seconds: 2, count: 1},
	{Name: "SGEMM1024", pkg: "bench", blas: true, atMost: 1, single: true, seconds: 0.4, count: 5},
}

// stockAtMost is the target for our time over that of gorgonia's stock ops.
const stockAtMost = 1. / 30
