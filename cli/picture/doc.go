// Package picture is what the sample worker does to a photograph, and where the demo's photographs come from.
//
// There are three things in it: [Decode] takes a JPEG or PNG apart, [Edit] changes the regions that a rule names,
// and [Room] draws a room when nobody has a photograph at hand. [WritePNG] and [WritePreview] put results into files.
//
// There is no segmentation model here. A picture is shrunk to at most 192 cells on its longer side, the cells are
// clustered by colour (k-means in OKLab with a little weight on position), connected pieces become segments, and every
// segment is given to the one of the preset's concepts whose habits it meets best: a floor lies low, touches the bottom edge and is
// wide; a lamp is small, bright and high up. That finds the wall of a plain room, and is wrong about a busy one. A real
// GPU worker replaces this package and nothing else.
//
// # Invariants
//
//   - A pixel in a protected concept's region leaves Edit bit by bit as Decode gave it. Every pixel belongs to exactly
//     one region, and only the regions of unprotected concepts that the rule names are ever written.
//   - The same picture and rule give the same bytes again: no map order, no clock, a fixed seed. (Only another processor
//     architecture may round differently, where Go fuses multiply and add.)
//   - The result has the input's size in pixels.
//   - What cannot be done with this input (a broken file, an unknown action, an unknown colour) is a [*BadInput], and
//     would fail the same way on every other worker. Anything else that fails is worth another attempt.
//
// # Why not …
//
//   - Why not edit in Lab: a cube root per pixel costs more than all the rest. Shading is kept by a table over luma.
//   - Why not soft edges: a blended border pixel belongs to two regions, and one of them may be protected.
//   - Why not apply a JPEG's EXIF orientation: the result would not have the input's size, which is what the app holds
//     against it. The result shows what the input's pixels show.
//   - Why not keep transparency: inputs are JPEG by contract. A PNG with holes is laid on white first.
package picture
