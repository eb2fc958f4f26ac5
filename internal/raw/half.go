package raw

import "math"

// Float16 widens an IEEE 754 binary16 number, exactly.
//
//	sign 1 bit, exponent 5 bits (bias 15), fraction 10 bits
func Float16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0x1f: // infinity, or NaN with its payload
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	case 0: // zero and subnormals: fraction · 2^-24, exact in float32
		magnitude := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(magnitude))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// BFloat16 widens a bfloat16 number, which is a float32 without its low 16 bits.
func BFloat16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
