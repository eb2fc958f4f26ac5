package main

// updates emits the optimizers' rules with the portable code's operations in its order, none of
// them fused, so the bits are the same. The arrays are parameter, gradient and slots, the constants
// as update passes them.
func updates(s *simd) {
	type operands struct {
		p, g vec
		slot []vec
		k    func(int) vec
	}
	rule := func(name, arrays, written string, body func(o operands) []vec) {
		elements(s, name, name, arrays, written, func(in []vec, k func(int) vec) []vec {
			g := s.add(s.mul(k(0), in[1]), s.mul(k(1), in[0]))
			return body(operands{in[0], g, in[2:], k})
		})
	}
	const floor = 1e-7
	rule("sgd", "ab", "a", func(o operands) []vec {
		return []vec{s.sub(o.p, s.mul(o.k(2), o.g))}
	})
	rule("momentum", "abc", "ac", func(o operands) []vec {
		v := s.sub(s.mul(o.k(3), o.slot[0]), s.mul(o.k(2), o.g))
		return []vec{s.add(o.p, v), v}
	})
	rule("nesterov", "abc", "ac", func(o operands) []vec {
		ahead := s.add(o.p, s.mul(s.mul(o.k(3), o.k(3)), o.slot[0]))
		p := s.sub(ahead, s.mul(s.mul(s.add(s.number(1), o.k(3)), o.k(2)), o.g))
		return []vec{p, s.sub(s.mul(o.k(3), o.slot[0]), s.mul(o.k(2), o.g))}
	})
	rule("adaGrad", "abc", "ac", func(o operands) []vec {
		h := s.add(o.slot[0], s.mul(o.g, o.g))
		return []vec{s.sub(o.p, s.div(s.mul(o.k(2), o.g), s.add(s.sqrt(h), s.number(floor)))), h}
	})
	rule("rmsProp", "abc", "ac", func(o operands) []vec {
		h := s.add(s.mul(o.k(3), o.slot[0]), s.mul(s.mul(o.k(4), o.g), o.g))
		return []vec{s.sub(o.p, s.div(s.mul(o.k(2), o.g), s.add(s.sqrt(h), s.number(floor)))), h}
	})
	rule("adam", "abcd", "acd", func(o operands) []vec {
		m := s.add(o.slot[0], s.mul(o.k(3), s.sub(o.g, o.slot[0])))
		v := s.add(o.slot[1], s.mul(o.k(4), s.sub(s.mul(o.g, o.g), o.slot[1])))
		return []vec{s.sub(o.p, s.div(s.mul(o.k(2), m), s.add(s.sqrt(v), o.k(5)))), m, v}
	})
	rule("adamW", "abcd", "acd", func(o operands) []vec {
		m := s.add(o.slot[0], s.mul(o.k(3), s.sub(o.g, o.slot[0])))
		v := s.add(s.mul(o.k(4), o.slot[1]), s.mul(s.mul(o.k(5), o.g), o.g))
		shrunk := s.sub(o.p, s.mul(o.k(8), o.p))
		return []vec{s.sub(shrunk, s.div(s.mul(o.k(2), m), s.add(s.mul(s.sqrt(v), o.k(6)), o.k(7)))), m, v}
	})
}
