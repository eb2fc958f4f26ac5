package main

// benchCase is one thing to measure, its peers and its targets.
type benchCase struct {
	Name    string   // of our benchmark
	pkg     string   // package of our benchmark
	model   string   // of the Python scripts
	batch   int      // images
	peers   []string // keys, in the order of the report
	targets []target
	single  bool // always on one thread
	length
}

// target is the most that our time may be over that of the fastest of some peers.
type target struct {
	of     []string // keys of the peers
	atMost float64
}

// length of a run, as go test's -benchtime and -count; its result is the median.
type length struct {
	seconds float64
	count   int
}

var (
	short = length{0.4, 5}
	long  = length{5, 1}
)

var (
	trainingPeers   = []string{"torch", "channels_last", "compile"}
	predictionPeers = []string{"openvino", "onnxruntime", "torch"}
)

// trainStep is a case whose target is about the fastest of PyTorch's ways.
func trainStep(model string, batch int, atMost float64, l length) benchCase {
	return benchCase{
		Name: "TrainStep/" + model, pkg: "models", model: model, batch: batch, peers: trainingPeers,
		targets: []target{{trainingPeers, atMost}}, length: l,
	}
}

// predict is a case whose target is about OpenVINO.
func predict(model string, batch int, atMost float64, l length) benchCase {
	work := "PredictBatch/"
	if batch == 1 {
		work = "Predict1/"
	}
	return benchCase{
		Name: work + model, pkg: "models", model: model, batch: batch, peers: predictionPeers,
		targets: []target{{[]string{"openvino"}, atMost}}, length: l,
	}
}

// with adds a peer that has a target of its own.
func (c benchCase) with(key string, atMost float64) benchCase {
	c.peers = append(c.peers[:len(c.peers):len(c.peers)], key)
	c.targets = append(c.targets, target{[]string{key}, atMost})
	return c
}

// cases are the rows of the table. The batches are those of our benchmarks.
var cases = []benchCase{
	trainStep("SimpleConvNet", 100, 0.22, short).with("stock", 1./30),
	trainStep("LeNet", 100, 0.35, short),
	trainStep("AlexNet", 32, 0.50, long),
	trainStep("ResNet18", 16, 0.75, long),
	trainStep("ResNet20", 128, 0.60, long),
	trainStep("MobileNetV2", 16, 0.60, long),
	trainStep("SqueezeNet", 16, 0.70, long),
	predict("SimpleConvNet", 1, 0.50, short),
	predict("SimpleConvNet", 1000, 0.50, short),
	predict("LeNet", 1, 0.50, short),
	predict("LeNet", 1000, 0.50, short),
	predict("AlexNet", 1, 0.95, short),
	predict("AlexNet", 32, 0.90, long),
	predict("ResNet18", 1, 0.95, short),
	predict("ResNet18", 16, 0.90, long),
	predict("MobileNetV2", 1, 1, short),
	predict("MobileNetV2", 16, 1, long),
	predict("SqueezeNet", 1, 1, short),
	predict("SqueezeNet", 16, 1, long),
	benchCase{Name: "SGEMM1024", pkg: "bench", single: true, length: short}.with("openblas", 1),
}
