package models_test

import "math"

// mersenneTwister is NumPy's legacy generator (np.random.seed, np.random.randn), so that the book's
// initial weights needn't be stored: MT19937 (Matsumoto and Nishimura 1998) and the polar method of
// Marsaglia.
type mersenneTwister struct {
	state [624]uint32
	next  int
	spare float64 // the polar method makes two normal numbers at a time
	saved bool
}

func newMersenneTwister(seed uint32) *mersenneTwister {
	r := &mersenneTwister{next: 624}
	r.state[0] = seed
	for i := uint32(1); i < 624; i++ {
		r.state[i] = 1812433253*(r.state[i-1]^r.state[i-1]>>30) + i
	}
	return r
}

func (r *mersenneTwister) refill() {
	for i := range r.state {
		y := r.state[i]&0x80000000 | r.state[(i+1)%624]&0x7fffffff
		r.state[i] = r.state[(i+397)%624] ^ y>>1 ^ y&1*0x9908b0df
	}
	r.next = 0
}

func (r *mersenneTwister) bits() uint32 {
	if r.next == 624 {
		r.refill()
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// uniform is in [0, 1), with 53 bits.
func (r *mersenneTwister) uniform() float64 {
	a, b := r.bits()>>5, r.bits()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}

func (r *mersenneTwister) normal() float64 {
	if r.saved {
		r.saved = false
		return r.spare
	}
	for {
		x, y := 2*r.uniform()-1, 2*r.uniform()-1
		if s := x*x + y*y; s < 1 && s != 0 {
			f := math.Sqrt(-2 * math.Log(s) / s)
			r.spare, r.saved = f*x, true
			return f * y
		}
	}
}
