package solver

// SharedFrom exports sharedFrom to tests.
const SharedFrom = sharedFrom
