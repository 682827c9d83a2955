// Package slack lets Linux wake the threads of `stoker serve` a little late, for less processor time. Importing it is all.
//
// It imports next to nothing, and its name comes before those of the rooms that take time to begin: packages are initialized in the
// order of their paths as soon as what they import is, so that what a process does before it starts itself again is short.
package slack
