package inspect

import (
	"cmp"
	"math"

	"convgraph/graph"
)

// standardization is a value less a mean, divided by a std, then scaled and shifted:
//
//	weight · (x - mean) / sqrt(variance + eps) + bias
type standardization struct {
	// How says over what mean and variance are: running, the map's values in training; group, the
	// maps First to Last of this picture; place, all maps at the cell's position.
	How          string `json:"how"`
	First        int    `json:"first"`
	Last         int    `json:"last"`
	Count        int    `json:"count"` // of values in mean and variance; 0 for running ones
	In           number `json:"in"`
	Mean         number `json:"mean"`
	Variance     number `json:"variance"`
	Eps          number `json:"eps"`
	Std          number `json:"std"`          // sqrt(Variance + Eps)
	Standardized number `json:"standardized"` // (In - Mean) / Std
	Weight       number `json:"weight"`
	Bias         number `json:"bias"`
	Total        number `json:"total"` // the value in float64
}

// defaultEps is the constant under the root of a layer that declares none.
const defaultEps = 1e-5

func explainStandardization(k working, e *explanation) error {
	weight, err := k.param("weight")
	if err != nil {
		return err
	}
	bias, err := k.param("bias")
	if err != nil {
		return err
	}
	part := &standardization{Last: k.in.Maps - 1}
	var mean, variance, eps float64
	switch l := k.layer.layer.(type) {
	case graph.BatchNorm:
		part.How, eps = "running", l.Eps
		part.First, part.Last = e.Cell.Map, e.Cell.Map
		if mean, variance, err = k.running(e.Cell.Map); err != nil {
			return err
		}
	case graph.GroupNorm:
		part.How, eps = "group", l.Eps
		each := k.in.Maps / l.Groups
		part.First = e.Cell.Map / each * each
		part.Last = part.First + each - 1
		group := k.x[part.First*k.in.plane() : (part.Last+1)*k.in.plane()]
		part.Count = len(group)
		mean, variance = moments(group)
	case graph.LayerNorm:
		part.How, eps = "place", l.Eps
		var maps []float32
		for m := range k.in.Maps {
			maps = append(maps, k.x[k.in.at(cell{m, e.Cell.Row, e.Cell.Column})])
		}
		part.Count = len(maps)
		mean, variance = moments(maps)
	}
	part.finish(k.x[k.in.at(e.Cell)], mean, variance, cmp.Or(eps, defaultEps), weight[e.Cell.Map], bias[e.Cell.Map])
	e.Standardization = part
	return nil
}

// running returns a map's running mean and variance.
func (k working) running(m int) (mean, variance float64, err error) {
	means, err := k.param("running_mean")
	if err != nil {
		return 0, 0, err
	}
	variances, err := k.param("running_var")
	if err != nil {
		return 0, 0, err
	}
	return float64(means[m]), float64(variances[m]), nil
}

// moments returns the mean and the variance of values.
func moments(values []float32) (mean, variance float64) {
	for _, v := range values {
		mean += float64(v)
	}
	mean /= float64(len(values))
	for _, v := range values {
		variance += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, variance / float64(len(values))
}

func (s *standardization) finish(x float32, mean, variance, eps float64, weight, bias float32) {
	std := math.Sqrt(variance + eps)
	standardized := (float64(x) - mean) / std
	s.In, s.Mean, s.Variance, s.Eps, s.Std = number(x), number(mean), number(variance), number(eps), number(std)
	s.Standardized, s.Weight, s.Bias = number(standardized), number(weight), number(bias)
	s.Total = number(float64(weight)*standardized + float64(bias))
}
