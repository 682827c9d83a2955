//go:build race

package bench

// raced is set under the race detector, which makes all code ten times as slow: what has no goroutines is tried less then, since
// there is nothing to race, and in full without it.
const raced = true
