//go:build !linux

package store

// incarnation is unknown: this system does not tell one run of the machine from another.
func incarnation(string) string { return "" }
