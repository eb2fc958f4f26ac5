package dataset

// AlexNetOptions say which of the paper's augmentations are wanted besides the random crop.
type AlexNetOptions struct {
	Mirror bool // half of the images mirrored
	PCA    bool // colours shifted along the principal components of the training set's
}

// AlexNetTraining is the augmentation of Krizhevsky et al. 2012, section 4.1, for images of the measured set, with a random
// crop of size x size. The mean that the paper subtracts (section 2) is for the network's first layer, which then knows it
// when it predicts.
func (st *Statistics) AlexNetTraining(size int, options AlexNetOptions) ([]Transform, error) {
	transforms := []Transform{RandomCrop{Height: size, Width: size}}
	if options.Mirror {
		transforms = append(transforms, Mirror{})
	}
	if !options.PCA {
		return transforms, nil
	}
	colour, err := st.PCAColour(0.1)
	if err != nil {
		return nil, err
	}
	return append(transforms, colour), nil
}

// AlexNetEvaluation prepares images for evaluation: the middle of the image for the crop.
func AlexNetEvaluation(size int) []Transform {
	return []Transform{CentreCrop{Height: size, Width: size}}
}
