// Package timeline draws what happened in a proof from its beginning to its end, as one SVG: lanes, one for each thing that something
// was done to, and panels of figures below them, all over one axis.
//
// # Invariants
//
//   - Nothing is drawn that was not handed over: no smoothing, no values between those that are there. Where there are more values than
//     the picture has room for, a column is their mean, or the most of
//     them where that is what is asked for: a peak stays as high as it was.
//   - The file needs nothing else: no script, no font, no other file. What a bar is can be read when the pointer is over it.
//
// # Why not …
//
//   - … the charts of stoker bench (go-analyze/charts)? It has bars by category and lines by label; a lane with what struck it from one
//     moment to another is neither, and a panel has to be exactly below it.
package timeline
