package dataset

// AlexNetTraining is the augmentation of Krizhevsky et al. 2012, section 4.1, for images of the measured set: a random
// crop of size x size, mirrored or not, and the colours shifted when pca is true. The mean that the paper subtracts
// (section 2) is for the network's first layer, which then knows it when it predicts.
func (st *Statistics) AlexNetTraining(size int, pca bool) ([]Transform, error) {
	transforms := []Transform{RandomCrop{Height: size, Width: size}, Mirror{}}
	if !pca {
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
