package training

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train/dataset"
)

// defaultValidation is the share of the training images held out for a choice by accuracy.
const defaultValidation = 0.1

// chooser returns the flag that chooses by the accuracy after each epoch, or "".
func (c *Command) chooser(r models.Recipe) string {
	switch {
	case c.Keep == "best":
		return "-keep best"
	case c.EarlyStop > 0:
		return "-early-stop"
	case r.Schedule == "plateau":
		return "-schedule plateau"
	}
	return ""
}

// validation returns the share of the training images to hold out. A choice by accuracy needs them:
// test images that were chosen by don't measure how well the network does on new images.
func (c *Command) validation(r models.Recipe) (float64, error) {
	chooser := c.chooser(r)
	if c.Fold != "" {
		if c.Validation != nil {
			return 0, cli.Usagef("-fold and -validation both choose the validation images: want one of them")
		}
		return 0, nil
	}
	if c.Validation == nil && chooser == "" {
		return 0, nil
	}
	share := or(c.Validation, defaultValidation)
	switch {
	case !(share >= 0 && share < 1):
		return 0, cli.Usagef("-validation is %g: want at least 0 and less than 1", share)
	case share == 0 && chooser != "":
		return 0, cli.Usagef("-validation is 0: %s chooses by the validation images", chooser)
	}
	return share, nil
}

// fold is -fold's K/N: part of parts. It is zero without the flag.
type fold struct{ part, parts int }

// maxParts bounds N of -fold.
const maxParts = 1000

// parseFold reads K/N.
func parseFold(text string) (f fold, err error) {
	if text == "" {
		return f, nil
	}
	part, parts, found := strings.Cut(text, "/")
	if f.part, err = strconv.Atoi(part); err == nil {
		f.parts, err = strconv.Atoi(parts)
	}
	if !found || err != nil || f.parts < 2 || f.parts > maxParts || f.part < 1 || f.part > f.parts {
		return f, cli.Usagef("-fold is %q: want K/N with 1 to N for K and 2 to %d for N, such as 2/5", text, maxParts)
	}
	return f, nil
}

// setApart holds the validation images out of the training set.
func (c *Command) setApart(s *source, r models.Recipe) error {
	share, err := c.validation(r)
	if err != nil || share == 0 && c.Fold == "" {
		return err
	}
	all, flag := s.train.Len(), fmt.Sprintf("-validation %g", share)
	if c.Fold != "" {
		f, err := parseFold(c.Fold)
		if err != nil {
			return err
		}
		flag = "-fold " + c.Fold
		s.train, s.validation, err = dataset.Fold(s.train, f.part, f.parts, c.Seed)
		if err != nil {
			return err
		}
	} else if s.train, s.validation, err = dataset.Split(s.train, share, c.Seed); err != nil {
		return err
	}
	if s.validation.Len() == 0 {
		return fmt.Errorf(
			"-validation: %d training images in %d classes leave none to hold out: want at least two of a class",
			all, s.train.Classes())
	}
	if c.Quiet {
		return nil
	}
	fmt.Fprintf(os.Stderr, "validation: %d of %d training images are held out", s.validation.Len(), all)
	if chooser := c.chooser(r); chooser != "" {
		fmt.Fprintf(os.Stderr, "; %s uses them", chooser)
	}
	fmt.Fprintf(os.Stderr, " (%s)\n", flag)
	return nil
}
