// Titles and sentences for each kind of layer, in the words of Deep Learning from Scratch (Saitoh),
// chapter 7. An activation that isn't here goes by its function's name and formula.

const titles = {
  input: "The picture", conv2d: "Convolution", relu: "ReLU", sigmoid: "Sigmoid", tanh: "Hyperbolic tangent", max_pool: "Max pooling",
  avg_pool: "Average pooling", subsample: "Subsampling", affine: "Affine", softmax: "Softmax", dropout: "Dropout",
  lrn: "Local response normalization", normalize: "Normalization", flatten: "Flatten", prelu: "PReLU", batch_norm: "Batch normalization",
  group_norm: "Group normalization", layer_norm: "Layer normalization", global_avg_pool: "Global average pooling",
  global_max_pool: "Global max pooling", slice: "Slice", channel_shuffle: "Channel shuffle", pad_channels: "Channel padding",
  dropout2d: "Dropout of maps", stochastic_depth: "Stochastic depth", add: "Sum", multiply: "Product", concat: "Concatenation",
  subtract: "Difference", divide: "Quotient", maximum: "Maximum", minimum: "Minimum", scale: "Scale and shift", take: "Selection",
  rearrange: "Rearrangement", pad: "Padding", resize: "Resizing", lp_pool: "Lp pooling", log_softmax: "Log-softmax",
};

const sentences = {
  conv2d: "Each filter slides over its input. At each position inputs and weights are multiplied pair by pair and summed, and the bias is added: " +
    "that is one cell of the filter’s map.",
  relu: "Values above 0 pass unchanged; all others become 0.",
  sigmoid: "Every value is squeezed between 0 and 1, smoothly.",
  tanh: "Every value is squeezed between two bounds, smoothly, and 0 stays 0.",
  max_pool: "Each window keeps only its largest value. The maps shrink, and a small shift of the picture changes little.",
  avg_pool: "Each window becomes its mean. The maps shrink, and a small shift of the picture changes little.",
  subsample: "Each window’s sum is multiplied by a coefficient, and a bias is added; both are learned, one of each per map.",
  affine: "Every unit multiplies each input by its own weight, and adds the products and its bias.",
  softmax: "Scores become probabilities: the exponential of each, divided by the sum of all.",
  dropout: "Training drops values here at random; prediction lets them pass.",
  lrn: "Each value is divided by a power of the sum of squares of its neighbors, the values at the same position of neighboring maps: " +
    "where many filters answer, each counts for less.",
  normalize: "The training set’s mean is subtracted and the result divided by its std.",
  flatten: "The maps are laid out in one row, number after number.",
  prelu: "Values above 0 pass unchanged; all others are multiplied by a learned slope.",
  batch_norm: "Each map less its mean, divided by its std, as training measured them; then times a learned weight, plus a learned bias.",
  group_norm: "Each map less the mean of its group of maps, divided by their std, both of this picture; then times a learned weight, plus a learned bias.",
  layer_norm: "Each value less the mean of all maps at its position, divided by their std; then times a learned weight, plus a learned bias.",
  global_avg_pool: "Each map becomes one number, its mean.",
  global_max_pool: "Each map becomes one number, its largest value.",
  slice: "Some of the maps, as they are.",
  channel_shuffle: "The maps in another order: one of each group, then the next of each.",
  pad_channels: "The maps as they are, with maps of zeros before and after them.",
  dropout2d: "Training drops whole maps here at random; prediction lets them pass.",
  stochastic_depth: "Training skips this branch at random; prediction lets it pass.",
  add: "Branches meet: the values at the same position are added.",
  multiply: "Branches meet: the values at the same position are multiplied. Where one branch has a single number for each map, it is a gate: " +
    "it says how much of the map passes.",
  concat: "Branches meet: their maps are concatenated.",
  subtract: "Branches meet: the second's values are subtracted from the first's, position by position.",
  divide: "Branches meet: the first's values are divided by the second's, position by position.",
  maximum: "Branches meet: the larger of the two values at each position passes.",
  minimum: "Branches meet: the smaller of the two values at each position passes.",
  scale: "Each value is multiplied by a learned factor, and a learned term is added.",
  take: "Some of the maps, rows or columns, in the order of a list.",
  rearrange: "The same values at other positions.",
  pad: "The maps as they are, with rows and columns of one value around them.",
  resize: "The maps in another size: each cell is a weighted sum of the cells around its position in the input.",
  lp_pool: "Each window becomes the root of the sum of its values’ powers: between a sum and the largest value.",
  log_softmax: "Scores become logarithms of probabilities: each score, less the logarithm of the sum of all exponentials.",
};

/** A layer's title. */
export const titleOf = (layer) => titles[layer.kind] ?? layer.function?.name ?? layer.kind;

/** What a layer does, in a sentence or two. */
export function sentenceOf(layer) {
  const sentence = sentences[layer.kind] ?? (layer.function ? `Each value x becomes ${layer.function.formula}.` : "");
  return layer.text?.includes("NoBias: true") ? sentence.replace(/,? and the bias is added| with its bias/, "") : sentence;
}

const inputSentences = {
  digits: "Your drawing in MNIST’s form: fitted into 20×20 of 28×28 pixels, with its center of mass in the center. 0 is paper, 1 is ink.",
  any: "The picture, scaled to the network’s input. 0 is black, 1 is full intensity.",
};

/** A sentence about the network's input. */
export function inputSentence({ digits, mean, std }) {
  const sentence = inputSentences[digits ? "digits" : "any"];
  return mean || std ? `${sentence} The network reads each value less its channel’s mean, divided by its std.` : sentence;
}

/** A sentence about the filters of a first layer. In color each pixel holds the weights of red, green and blue. */
export const filterSentence = (inColor) => "Above each map is its filter: " +
  (inColor ? "its colors are the weights of red, green and blue, bright ones add, dark ones subtract, mid gray is 0. "
    : "white weights add, black ones subtract, mid gray is 0. ") +
  "Before learning filters have no order; after learning they respond to edges, " +
  `where ${inColor ? "brightness or color" : "brightness"} changes, and to blobs.`;

/** “16 maps of 24×24”, “50 units”. */
export function sizeText({ maps, height, width }) {
  if (height * width === 1) return maps === 1 ? "1 unit" : `${maps} units`;
  return `${maps} ${maps === 1 ? "map" : "maps"} of ${height}×${width}`;
}

/** “map 3, row 5, column 7”, “unit 12”, or for an output “class 7”. */
export function cellText(layer, cell, network) {
  const { height, width, maps } = layer.output;
  if (layer.index < 0 && (maps === 1 || maps === 3)) return `row ${cell.row}, column ${cell.column}`; // one picture, gray or in color
  if (height * width > 1) return `map ${cell.map}, row ${cell.row}, column ${cell.column}`;
  if (maps === network.classes.length && layer.last) return `class ${network.classes[cell.map]}`;
  return `unit ${cell.map}`;
}
