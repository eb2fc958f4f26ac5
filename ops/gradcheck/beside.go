package gradcheck

import "math"

// ray is a straight line through the point along which a derivative is compared.
type ray struct {
	method
	loss     line           // as a function of the distance from the point
	gradient func() float64 // along the ray, from the points' gradients
}

const (
	moves      = 16 // neighbors tried when kinks may meet at a point
	besideStep = 8  // distance of a neighbor in first steps
)

// compareRay compares the derivative along a ray. Where several kinks meet, which don't bound a
// valid gradient, it compares at a neighboring point without kinks.
func (c *checker) compareRay(r ray) (comparison, error) {
	compared, err := r.compare(r.loss, c.loss, r.gradient())
	if err != nil || !compared.slope.kink || compared.Error <= r.tolerance {
		return compared, err
	}
	meet, err := c.kinksMeet(r, compared.slope)
	if err != nil || !meet {
		return compared, err
	}
	beside, err := c.compareBeside(r)
	beside.slope.kink = true // counted as a kink in the report, wherever it was compared
	return beside, err
}

// kinksMeet reports whether gradients close to the point lie outside the one-sided derivatives. At
// a single kink each gradient equals one of the two.
func (c *checker) kinksMeet(r ray, s slope) (meet bool, err error) {
	distance := math.Sqrt(epsilonOf(c.f.Inputs[0].Value.Dtype()))
	for k := range moves {
		err := c.moved(k, distance, func() error {
			meet = r.errorOf(r.gradient(), s) > r.tolerance
			return nil
		})
		if err != nil || meet {
			return meet, err
		}
	}
	return false, nil
}

// compareBeside compares along the ray through a neighbor that no kink is close to. If it finds
// none, the comparison has no error: it counts as one of the kinks that show too little.
func (c *checker) compareBeside(r ray) (compared comparison, err error) {
	for k := range moves {
		err := c.moved(k, besideStep*c.method.step, func() (err error) {
			compared, err = r.compare(r.loss, c.loss, r.gradient())
			return err
		})
		if err != nil || !compared.slope.kink {
			return compared, err
		}
	}
	compared.Error = 0
	return compared, nil
}

// moved moves all inputs in a random direction, by a fraction of their size, calls do with the loss
// and the gradients there, and restores everything.
func (c *checker) moved(k int, distance float64, do func() error) error {
	loss, points := c.loss, make([]point, len(c.points))
	for i, p := range c.points {
		points[i] = point{value: p.value.clone(), gradient: p.gradient}
		p.move(newDirection(c.o.Seed, movesStream+uint64(i), k), distance)
	}
	defer func() {
		c.loss = loss
		for i := range points {
			c.points[i].value.copyFrom(points[i].value)
			c.points[i].gradient = points[i].gradient
		}
	}()
	var err error
	if c.loss, err = c.evaluateLoss(); err != nil {
		return err
	}
	if err := c.evaluateGradients(); err != nil {
		return err
	}
	return do()
}

// movesStream separates the directions of moves from those along which derivatives are compared.
const movesStream = 1 << 32

// move moves each element by a fraction of its magnitude, or of the input's typical one if that is
// larger.
func (p point) move(d direction, share float64) {
	squares := 0.0
	for i := range p.value.len() {
		squares += p.value.at(i) * p.value.at(i)
	}
	size := math.Sqrt(squares / float64(p.value.len()))
	if size == 0 {
		size = 1
	}
	for i := range p.value.len() {
		x := p.value.at(i)
		p.value.set(i, x+share*max(math.Abs(x), size)*d.at(i))
	}
}
