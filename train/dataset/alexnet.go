package dataset

// AlexNetOptions select the paper's augmentations besides the random crop.
type AlexNetOptions struct {
	Mirror bool // half of the images mirrored
	PCA    bool // colors shifted along the principal components of the training set's
}

// AlexNetTraining returns the augmentation of Krizhevsky et al. 2012, section 4.1, for images of
// the measured set, with a random crop of size x size. The network's first layer subtracts the mean
// (section 2), so that prediction does, too.
func (st *Statistics) AlexNetTraining(size int, options AlexNetOptions) ([]Transform, error) {
	transforms := []Transform{RandomCrop{Height: size, Width: size}}
	if options.Mirror {
		transforms = append(transforms, Mirror{})
	}
	if !options.PCA {
		return transforms, nil
	}
	color, err := st.PCAColor(0.1)
	if err != nil {
		return nil, err
	}
	return append(transforms, color), nil
}

// AlexNetEvaluation returns the center crop for evaluation.
func AlexNetEvaluation(size int) []Transform {
	return []Transform{CenterCrop{Height: size, Width: size}}
}
