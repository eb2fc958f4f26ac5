package kernel

// engineFor returns the engine of element type T.
func engineFor[T Float]() *engine[T] {
	return genericEngine[T]()
}
