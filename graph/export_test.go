package graph

// SizesOf is the summary of the model that New would make of a spec, without its parameters.
func SizesOf(spec *Spec) (*Summary, error) {
	m, err := declare(spec, nil)
	if err != nil {
		return nil, err
	}
	return m.Summary(), nil
}
