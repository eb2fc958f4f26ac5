package training

import (
	"convgraph/graph"
	"convgraph/internal/mpi"
)

// Command trains a network; its fields are the flags. Flags that are nil or empty have the recipe's
// value.
type Command struct {
	Model    string   `group:"Network:" type:"given" want:"the name of a network or the path of a JSON spec" help:"${models}, or the path of a JSON spec (default: simpleconvnet; lenet-wide with -recipe best)." placeholder:"MODEL"`
	InitFrom string   `group:"Network:" help:"Start from the parameters in a params.safetensors, or from squeezenet, which comes with the program and knows ImageNet's classes. Layers of the same name and shapes take their parameters. Without -model, train the network in that file." placeholder:"PARAMS"`
	Head     bool     `group:"Network:" help:"Replace the last layer of -init-from's network by a new one, with an output for each class in the data."`
	Freeze   []string `group:"Network:" help:"Layers or parameters that aren't trained, as comma-separated patterns: features, layer1, conv*, *.bias. A BatchNorm layer that is frozen as a whole normalizes by its running statistics." placeholder:"PATTERN"`
	Init     string   `group:"Network:" help:"Initial weights: a standard deviation, he, xavier or lecun-uniform (default: the network's own)." placeholder:"INIT"`
	Loss     string   `group:"Network:" enum:",cross_entropy,binary_cross_entropy,mean_squared_error" default:"" help:"cross_entropy, binary_cross_entropy or mean_squared_error (default: the network's own)." placeholder:"LOSS"`
	Size     int      `group:"Network:" default:"0" help:"Height and width of the images, for networks that take any (default: 224; alexnet 227, at least 67; resnet20 28)." placeholder:"PIXELS"`
	Width    float64  `group:"Network:" default:"0" help:"Share of alexnet's filters and units (default: 1)." placeholder:"SHARE"`

	Data         string `group:"Data:" type:"given" want:"a folder or files" help:"Images and labels: a folder of IDX files (MNIST, Fashion-MNIST, EMNIST; gzip or not), of class folders of pictures, or of Parquet or tar files; one of these files, or a pattern of them; a CSV or JSON Lines file of paths and labels. A prefix selects one of several IDX sets: raw/emnist-letters (default: the embedded MNIST)." placeholder:"PATH"`
	IDXFlags     `group:"Data:"`
	LabelColumn  string   `group:"Data:" help:"Column of the labels in Parquet files and lists (default: the one that the file declares, or label)." placeholder:"NAME"`
	AnyPath      bool     `group:"Data:" help:"Allow a list to name pictures outside of its folder."`
	Strict       bool     `group:"Data:" help:"Fail on the first corrupt or vanished picture instead of skipping it, and refuse class folders that contain anything that isn't used."`
	TrainSamples int      `group:"Data:" default:"0" help:"Train on at most N images; 0 is all." placeholder:"N"`
	TestSamples  int      `group:"Data:" default:"0" help:"Test on at most N images; 0 is all." placeholder:"N"`
	Validation   *float64 `group:"Data:" help:"Share of the training images of each class to hold out for validation, drawn by -seed. The accuracy after each epoch is then measured on them, and the test images aren't used before the end (default: 0; 0.1 with -keep best, -early-stop and -schedule plateau, which need it)." placeholder:"SHARE"`
	Fold         string   `group:"Data:" help:"Cross-validation: hold out part K of N equal parts of the training images of each class, drawn by -seed. 1/5 to 5/5 are five trainings, each with another fifth held out." placeholder:"K/N"`

	Recipe      string   `group:"Training:" default:"book" enum:"${recipes}" help:"Preset for settings not given as flags: book (as in the book, or as the network's authors trained it), fast (past the book's accuracy in the least time) or best (highest accuracy)."`
	Epochs      *int     `group:"Training:" help:"Passes over the training set (default: 20; alexnet 90)." placeholder:"N"`
	Batch       *int     `group:"Training:" help:"Images per step (default: 100; alexnet 128)." placeholder:"N"`
	Optimizer   string   `group:"Training:" help:"${optimizers} (default: adam; alexnet momentum)." placeholder:"NAME"`
	LR          *float64 `group:"Training:" name:"lr" help:"Learning rate (default: 0.001; alexnet and lenet have their own)." placeholder:"RATE"`
	LRFind      bool     `group:"Training:" name:"lr-find" help:"Suggest a learning rate instead of training: try rates from 1e-7 to 10 in 120 steps, and plot the losses in lr-find.png."`
	Schedule    string   `group:"Training:" help:"Learning rate over time: constant, cosine (falls to 0), one-cycle (rises to -lr, then falls), step or plateau (default: the recipe's)." placeholder:"NAME"`
	DecayEvery  int      `group:"Training:" default:"5" help:"Epochs between two decays of -schedule step; epochs without a better validation accuracy before a decay of -schedule plateau."`
	DecayFactor float64  `group:"Training:" default:"0.1" help:"Factor of a decay of -schedule step or plateau."`
	Warmup      *int     `group:"Training:" help:"Steps of linear warm-up before the schedule (default: 0)." placeholder:"STEPS"`
	WeightDecay *float64 `group:"Training:" help:"Factor of the L2 penalty; for adamw, the decoupled weight decay (default: 0; alexnet 0.0005)." placeholder:"DECAY"`
	ClipNorm    float64  `group:"Training:" default:"0" help:"Largest norm of the gradients together; larger ones are scaled down to it (0: off)." placeholder:"NORM"`
	OnNaN       string   `group:"Training:" name:"on-nan" default:"stop" enum:"stop,skip" help:"When the loss or a gradient is NaN or infinite, stop the training or skip the step."`
	Smoothing   *float64 `group:"Training:" name:"label-smoothing" help:"Share of each target that is spread over all classes (default: 0)." placeholder:"SHARE"`
	Weights     string   `group:"Training:" name:"class-weights" enum:",balanced" default:"" help:"balanced makes each class count the same in the loss, however many training images it has (default: each image counts the same)." placeholder:"balanced"`
	Sampling    string   `group:"Training:" default:"shuffle" enum:"shuffle,replace" help:"shuffle visits each image once an epoch; replace draws each batch from all images, as the book does."`
	Hardest     *float64 `group:"Training:" help:"Share of the images that each epoch after the first visits: those with the largest losses when they were last visited (default: 0, all; recipe fast 0.25)." placeholder:"SHARE"`
	Average     *float64 `group:"Training:" help:"EMA decay of the final weights, such as 0.999 (default: 0, off)." placeholder:"DECAY"`
	EarlyStop   int      `group:"Training:" default:"0" help:"Stop after N epochs without a better validation accuracy (0: off)." placeholder:"N"`
	Keep        string   `group:"Training:" default:"last" enum:"last,best" help:"End with the parameters of the last epoch, or of the one with the best validation accuracy."`
	Seed        uint64   `group:"Training:" default:"1" help:"Seed of the initial parameters, the order of the images, augmentation and dropout."`

	Augment *string `group:"Augmentation of the training images:" help:"Random changes, comma-separated: ${augmentations}. All but mirror and edge take an amount: crop=2 and shift=2 (pixels), rotate=10 (degrees), scale=0.1, elastic=34, resized-crop=0.25 (smallest share of the image), color=0.2 (brightness, contrast, saturation). edge fills the outside with the image's edge instead of zeros." placeholder:"LIST"`
	Cutout  int     `group:"Augmentation of the training images:" default:"0" help:"Cover a square of this side at a random place of each image (0: off)." placeholder:"PIXELS"`
	Mixup   float64 `group:"Augmentation of the training images:" default:"0" help:"Blend images in pairs, and their targets, with shares from Beta(ALPHA, ALPHA), such as 0.2 (0: off)." placeholder:"ALPHA"`
	CutMix  float64 `group:"Augmentation of the training images:" name:"cutmix" default:"0" help:"Exchange a rectangle between images in pairs, and blend their targets by its area; shares from Beta(ALPHA, ALPHA), such as 1 (0: off). With -mixup, each pair gets one of the two." placeholder:"ALPHA"`
	Mirror  bool    `group:"Augmentation of the training images:" default:"true" negatable:"" help:"Mirror half of alexnet's images (default: on); -no-mirror is for letters and digits."`
	PCA     bool    `group:"Augmentation of the training images:" name:"pca" help:"Shift the colors of alexnet's images along their principal components."`

	Out         string `group:"Results:" type:"given" want:"a folder" help:"Folder for the results (default: runs/MODEL)." placeholder:"DIR"`
	EvalSamples int    `group:"Results:" default:"1000" help:"Images of each set for the accuracy after an epoch: the first N of the embedded MNIST, N drawn by -seed from other data; 0 is all."`
	EvalTrain   int    `group:"Results:" name:"eval-train-samples" default:"0" help:"Images of the training set for the accuracy after an epoch (0: as many as -eval-samples says)." placeholder:"N"`
	KeepEpochs  bool   `group:"Results:" help:"Keep the initial parameters and those of every epoch in the folder epochs of -out; convgraph serve shows how they change."`
	Tensorboard string `group:"Results:" help:"Folder for TensorBoard's event files: losses, accuracies, learning rate, weights and filters." placeholder:"DIR"`
	Serve       string `group:"Results:" help:"Show the training on a web page, with buttons to stop and continue it: HOST:PORT, or :PORT for this machine only; port 0 picks a free one." placeholder:"ADDR"`
	ServeToken  string `group:"Results:" type:"given" want:"a token of at least 16 characters" env:"CONVGRAPH_TOKEN" help:"Token for the page of -serve; a browser asks for it as a password. Prefer the variable: other users of this machine can see flags." placeholder:"TOKEN"`
	Quiet       bool   `group:"Results:" help:"Print the final line only."`

	Resume            resumption `group:"Interrupted runs:" help:"Continue from the newest checkpoint in -out with the settings of its run; flags need not be repeated, and -epochs may be raised. -resume auto starts a new run if there is no checkpoint."`
	Overwrite         bool       `group:"Interrupted runs:" help:"Delete the unfinished run in -out, and start over."`
	CheckpointEvery   int        `group:"Interrupted runs:" default:"0" help:"Also write a checkpoint every N steps, not only after each epoch (0: off)." placeholder:"N"`
	CheckpointMinutes float64    `group:"Interrupted runs:" default:"10" help:"Also write a checkpoint when the newest is this many minutes old (0: off)."`

	Workers    int      `group:"Speed and memory (the result stays the same):" default:"0" help:"Threads to compute with; 0 is as many as GOMAXPROCS." placeholder:"N"`
	MPI        bool     `group:"Speed and memory (the result stays the same):" name:"mpi" help:"Train together with the other processes of an MPI launcher (mpirun, srun), each on a part of every batch."`
	MicroBatch int      `group:"Speed and memory (the result stays the same):" default:"0" help:"Compute at most N images of a batch at once, for batches that don't fit into memory; 0 is all." placeholder:"N"`
	Recompute  []string `group:"Speed and memory (the result stays the same):" help:"Layers or blocks whose outputs the backward pass computes again instead of keeping them, as comma-separated patterns: layer*.*, conv1. Takes less memory and more time; convgraph summary -recompute shows how much." placeholder:"PATTERN"`
	Fusion     bool     `group:"Speed and memory (the result stays the same):" default:"true" negatable:"" help:"Compute neighboring layers in one op where that is faster (default: on)."`
	CPUProfile string   `group:"Speed and memory (the result stays the same):" name:"cpuprofile" help:"Write a CPU profile of the training, for go tool pprof." placeholder:"FILE"`

	base      *graph.Model // the network in -init-from's file
	resumed   *graph.Spec  // the checkpoint's network, if the run trains the one of -init-from's file
	fineTunes bool         // the network in -init-from's file is the one to train

	program string     // the name that messages begin with
	world   *mpi.World // the ranks, with -mpi
	settled bool       // all ranks end together
}
