package dataset

// AlexNetTraining is the augmentation of Krizhevsky et al. 2012, sections 2 and 4.1, for images of the measured set: the
// mean image subtracted, a random crop of size x size, mirrored or not, and the colours shifted when pca is true.
func (st *Statistics) AlexNetTraining(size int, pca bool) ([]Transform, error) {
	transforms := []Transform{SubtractMean{st.MeanImage}, RandomCrop{Height: size, Width: size}, Mirror{}}
	if !pca {
		return transforms, nil
	}
	colour, err := st.PCAColour(0.1)
	if err != nil {
		return nil, err
	}
	return append(transforms, colour), nil
}

// AlexNetEvaluation prepares images for evaluation as [Statistics.AlexNetTraining] does for training, with the middle of
// the image for the crop.
func (st *Statistics) AlexNetEvaluation(size int) []Transform {
	return []Transform{SubtractMean{st.MeanImage}, CentreCrop{Height: size, Width: size}}
}
