package main

// frame is the schema around its layers. The words in capitals are replaced.
const frame = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$comment": "go generate ./graph writes this file.",
  "title": "convgraph network",
  "description": "A convolutional network: what goes in, and the layers. See docs/models.md.",
  "type": "object",
  "required": ["input", "layers"],
  "additionalProperties": false,
  "properties": {
    "$schema": {"type": "string", "description": "Where this schema is, for editors."},
    "name": {"type": "string", "description": "The network's name."},
    "input": {
      "description": "Shape of one image, [channels, height, width], or [features].",
      "type": "array",
      "items": {"type": "integer", "minimum": 1, "maximum": 1048576},
      "oneOf": [{"minItems": 3, "maxItems": 3}, {"minItems": 1, "maxItems": 1}]
    },
    "init": {"$ref": "#/$defs/init", "description": "How weights start whose layer doesn't say; he without it."},
    "loss": {"enum": LOSSES, "description": "What training makes small. Without it, it follows from the last layer: cross_entropy for softmax, binary_cross_entropy for sigmoid, else mean_squared_error."},
    "preprocess": {"$ref": "#/$defs/preprocess"},
    "class_names": {"type": "array", "items": {"type": "string"}, "description": "Names of the outputs, in order."},
    "layers": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/layer"}}
  },
  "$defs": {
    "init": {
      "description": "he or relu: Gaussian of deviation √(2/n) for n inputs; xavier or sigmoid: √(1/n); xavier-sigmoid: 4·√(1/n); lecun-uniform: ±2.4/n; a number: Gaussian of that deviation.",
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
    "name": {"type": "string", "description": "The layer's name; without it its kind's with a number: conv1, relu2, fc1."},
    "from": {
      "description": "The name of the earlier layer that this one reads, or input; without it the layer before it in the list.",
      "type": ["string", "array"],
      "items": {"type": "string"},
      "minItems": 1
    },
    "joined": {
      "description": "The names of the earlier layers that this one reads, in order; input is the network's input.",
      "type": "array",
      "items": {"type": "string"},
      "minItems": 2
    },
    "preprocess": {
      "description": "What is done to a picture before the network reads it. Nothing in it: the middle of the picture in the input's size, with values from 0 to 1.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "fit": {"enum": ["stretch", "shorter"], "description": "stretch: the whole picture, its proportions given up; shorter: the whole picture, its shorter side to resize; without it: the largest part in the middle that has the input's proportions."},
        "resize": {"type": "integer", "minimum": 0, "maximum": 8192, "description": "The shorter side that the picture is scaled to before the input's size is cut out of its middle; without it the input's own."},
        "interpolation": {"enum": ["bilinear", "bicubic"]},
        "mean": {"type": "array", "items": {"type": "number"}, "description": "Subtracted, one for each channel."},
        "std": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "description": "Divides what is left, one for each channel."},
        "digit": {"enum": ["detect", "dark", "light"], "description": "The picture is a digit, which is made what MNIST holds; its ink is dark on light, light on dark, or found out."}
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
