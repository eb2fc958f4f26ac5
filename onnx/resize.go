package onnx

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// resize reads Resize and its older form, Upsample.
func resize(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	layer := graph.Resize{Mode: c.attributes.text("mode", "nearest")}
	if layer.Mode == "bilinear" {
		layer.Mode = "linear"
	}
	switch {
	case c.node.Op == "Upsample" || c.im.opset < 11:
		layer.Coordinates, layer.Rounding = "asymmetric", "floor"
	default:
		layer.Coordinates = c.attributes.text("coordinate_transformation_mode", "half_pixel")
		layer.Rounding = c.attributes.text("nearest_mode", "round_prefer_floor")
	}
	layer.Cubic = c.float("cubic_coeff_a", -0.75)
	layer.NoOutside = c.int("exclude_outside", 0) != 0
	layer.Antialias = c.int("antialias", 0) != 0
	fill := c.float("extrapolation_value", 0)
	if layer.Coordinates != "tf_crop_and_resize" {
		fill = 0
	}
	if err := c.resizedTo(&layer, v.shape); err != nil {
		return nil, err
	}
	layer = plainResize(layer, v.shape)
	// Points outside the image are 0: its surroundings are cropped before, and added afterwards.
	if v, err = c.im.scaleBy(v, 1, -fill); err != nil {
		return nil, err
	}
	if v, err = c.im.add(layer, []value{v}, ""); err != nil {
		return nil, err
	}
	return one(c.im.scaleBy(v, 1, fill))
}

// resizedTo reads the sizes or the factors of a Resize.
func (c *call) resizedTo(layer *graph.Resize, in tensor.Shape) error {
	axes := span(0, 4)
	if list := c.ints("axes"); list != nil {
		var err error
		if axes, err = withinAll(list, 4); err != nil {
			return err
		}
	}
	policy := c.attributes.text("keep_aspect_ratio_policy", "stretch")
	full := [4]float64{1, float64(in[0]), float64(in[1]), float64(in[2])}
	scales := [4]float64{1, 1, 1, 1}
	factors, sizes, region, err := c.resizeInputs()
	if err != nil {
		return err
	}
	if region != nil && layer.Coordinates == "tf_crop_and_resize" {
		if len(region) != 2*len(axes) {
			return fmt.Errorf("roi has %d numbers for %d axes", len(region), len(axes))
		}
		layer.Region = [4]float64{0, 0, 1, 1}
		for i, axis := range axes {
			if axis >= 2 {
				layer.Region[axis-2], layer.Region[axis] = region[i], region[len(axes)+i]
			}
		}
	}
	switch {
	case len(factors) == len(axes) && len(sizes) == 0:
		for i, axis := range axes {
			scales[axis] = factors[i]
		}
	case len(sizes) == len(axes) && len(factors) == 0:
		least, most := 0.0, 0.0
		for i, axis := range axes {
			if axis == 0 && c.im.batch > 0 {
				full[0] = float64(c.im.batch)
			}
			scales[axis] = sizes[i] / full[axis]
			if least == 0 || scales[axis] < least {
				least = scales[axis]
			}
			most = max(most, scales[axis])
		}
		for _, axis := range axes {
			switch policy {
			case "not_larger":
				scales[axis] = least
			case "not_smaller":
				scales[axis] = most
			}
		}
	default:
		return fmt.Errorf("got %d factors and %d sizes for %d axes, want one or the other",
			len(factors), len(sizes), len(axes))
	}
	if scales[0] != 1 || scales[1] != 1 {
		return fmt.Errorf("by %v is not supported: want only height and width", scales)
	}
	for axis := range layer.Size {
		scale := scales[2+axis]
		if !(scale > 0 && scale <= maxSize) {
			return fmt.Errorf("by %v is not supported", scales)
		}
		size := full[2+axis] * scale
		if len(factors) > 0 && layer.Coordinates == "tf_crop_and_resize" {
			size *= layer.Region[2+axis] - layer.Region[axis]
		}
		if len(sizes) > 0 {
			size += 0.5 // it is whole but for rounding, or rounded to the next
		} else {
			size += 1e-6
		}
		if !(size >= 1 && size <= maxSize) {
			return fmt.Errorf("to a size of %g is not supported", size)
		}
		layer.Size[axis], layer.Scale[axis] = int(size), scale
	}
	return nil
}

// resizeInputs reads the factors, the sizes and the region, wherever an operator set has them.
func (c *call) resizeInputs() (factors, sizes, region []float64, err error) {
	if attribute, ok := c.take("scales", schema.Floats); ok {
		for _, f := range attribute.Floats {
			factors = append(factors, float64(f))
		}
		return factors, nil, nil, nil
	}
	first := 2
	if c.node.Op == "Upsample" || c.im.opset < 11 {
		first = 1
	}
	read := func(i int) ([]float64, error) {
		list, err := c.optional(i)
		if err != nil || list == nil {
			return nil, err
		}
		if list.count() > maxRank {
			return nil, fmt.Errorf("got %d sizes, want one for each axis", list.count())
		}
		return c.im.floats(list)
	}
	if factors, err = read(first); err != nil {
		return nil, nil, nil, err
	}
	if first == 1 {
		return factors, nil, nil, nil
	}
	if region, err = read(1); err != nil {
		return nil, nil, nil, err
	}
	sizes, err = c.resizeSizes()
	return factors, sizes, region, err
}

// resizeSizes reads the sizes that a Resize asks for; that of the batch may be its own.
func (c *call) resizeSizes() ([]float64, error) {
	list, err := c.optional(3)
	if err != nil || list == nil {
		return nil, err
	}
	if list.count() > maxRank {
		return nil, fmt.Errorf("got %d sizes, want one for each axis", list.count())
	}
	numbers, err := c.im.ints(list)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(numbers))
	for i, n := range numbers {
		switch {
		case n.isFixed():
			out[i] = float64(n.fixed)
		case n == number{batch: 1}:
			out[i] = float64(max(c.im.batch, 1))
		default:
			return nil, fmt.Errorf("to a size of %v is not supported", n)
		}
	}
	return out, nil
}

// plainResize leaves out what is the default or does nothing.
func plainResize(l graph.Resize, in tensor.Shape) graph.Resize {
	if l.Mode == "nearest" {
		l.Mode, l.Cubic = "", 0
	} else {
		l.Rounding = ""
	}
	if l.Mode != "cubic" || l.Cubic == -0.75 {
		l.Cubic = 0
	}
	if l.Coordinates == "half_pixel" {
		l.Coordinates = ""
	}
	if l.Rounding == "round_prefer_floor" {
		l.Rounding = ""
	}
	for axis := range l.Scale {
		if l.Scale[axis]*float64(in[1+axis]) == float64(l.Size[axis]) {
			l.Scale[axis] = 0
		}
	}
	return l
}
