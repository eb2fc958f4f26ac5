package main

// frame is the schema around the definitions of the layers. The words in capitals are replaced.
const frame = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$comment": "go generate ./graph writes this file.",
  "title": "convgraph network",
  "description": "A convolutional network: its input and its layers. See docs/models.md.",
  "type": "object",
  "required": ["input", "layers"],
  "additionalProperties": false,
  "properties": {
    "$schema": {"type": "string", "description": "Location of this schema, for editors."},
    "name": {"type": "string", "description": "The network's name."},
    "input": {
      "description": "Shape of one image, [channels, height, width], or [features].",
      "type": "array",
      "items": {"type": "integer", "minimum": 1, "maximum": 1048576},
      "oneOf": [{"minItems": 3, "maxItems": 3}, {"minItems": 1, "maxItems": 1}]
    },
    "init": {"$ref": "#/$defs/init", "description": "Initial weights of layers without an init; default he."},
    "loss": {"enum": LOSSES, "description": "What training minimizes. The default fits the last layer: cross_entropy for softmax, binary_cross_entropy for sigmoid, else mean_squared_error."},
    "preprocess": {"$ref": "#/$defs/preprocess"},
    "class_names": {"type": "array", "items": {"type": "string"}, "description": "Names of the outputs, in order."},
    "layers": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/layer"}}
  },
  "$defs": {
    "init": {
      "description": "he or relu: Gaussian of std √(2/n) for n inputs; xavier or sigmoid: √(1/n); xavier-sigmoid: 4·√(1/n); lecun-uniform: ±2.4/n; a number: Gaussian of that std.",
      "anyOf": [
        {"enum": ["he", "relu", "xavier", "sigmoid", "xavier-sigmoid", "lecun-uniform"]},
        {"type": "number", "minimum": 0}
      ]
    },
    "size": {
      "description": "One number for both, or [height, width].",
      "type": ["integer", "array"],
      "minimum": 1,
      "maximum": 1048576,
      "items": {"type": "integer", "minimum": 1, "maximum": 1048576},
      "minItems": 2,
      "maxItems": 2
    },
    "distance": {
      "description": "One number for both, or [height, width].",
      "type": ["integer", "array"],
      "minimum": 0,
      "maximum": 1048576,
      "items": {"type": "integer", "minimum": 0, "maximum": 1048576},
      "minItems": 2,
      "maxItems": 2
    },
    "name": {"type": "string", "description": "The layer's name; by default that of its kind with a number: conv1, relu2, fc1."},
    "from": {
      "description": "Name of the earlier layer that this one reads, or input; by default the layer before it in the list.",
      "type": ["string", "array"],
      "items": {"type": "string"},
      "minItems": 1
    },
    "joined": {
      "description": "Names of the earlier layers that this one reads, in order; input is the network's input.",
      "type": "array",
      "items": {"type": "string"},
      "minItems": 2
    },
    "preprocess": {
      "description": "How a picture becomes an input. Empty: the center of the picture in the input's size, with values from 0 to 1.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "fit": {"enum": ["stretch", "shorter"], "description": "stretch: the whole picture, distorted; shorter: the whole picture, its shorter side scaled to resize; default: the largest centered part with the input's proportions."},
        "resize": {"type": "integer", "minimum": 0, "maximum": 8192, "description": "Length of the picture's shorter side before the center is cropped to the input's size; default: the input's."},
        "interpolation": {"enum": ["bilinear", "bicubic"]},
        "mean": {"type": "array", "items": {"type": "number"}, "description": "Subtracted from the values, one for each channel."},
        "std": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "description": "Divides the difference, one for each channel."},
        "digit": {"enum": ["detect", "dark", "light"], "description": "The picture is a digit, converted to MNIST's format; its ink is dark on light, light on dark, or detected."}
      }
    },
    "layer": {
      "type": "object",
      "required": ["kind"],
      "properties": {
        "kind": {
          "enum": KINDS
        }
      },
      "allOf": [
CASES
      ]
    },
LAYERS
  }
}
`
