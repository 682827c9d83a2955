// Package refusals is what an object store must refuse: requests that somebody has
// altered, kept for later, replayed for something else, or made up. It is a table
// ([Cases], [Altered]) and what is needed to send its lines as the bytes that they are.
//
// It signs by itself, from the description of Signature Version 4 and not with the
// code that is tested, and speaks TCP: net/http would clean a path, add a length and
// close a body that is too short. The tests of package objects send the table to a
// store, those of cli/acceptance to the port of the real binary.
package refusals
