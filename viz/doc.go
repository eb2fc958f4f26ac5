// Package viz draws filters, activation maps, contact sheets, confusion matrices, learning curves
// and computational graphs. It takes slices and images, and writes PNG, SVG and DOT. It imports
// neither networks nor training.
//
// A picture is a struct whose fields say what to show. They are checked when it is drawn.
//
//	err := viz.WritePNG("filters.png", viz.FilterGrid{Title: "before learning (seed 1)", Filters: f})
//
// [Raster] pictures go to [WritePNG] or [EncodePNG], [Vector] ones to [WriteSVG] or [EncodeSVG];
// the writers replace a file in one step, so a failure leaves the old file. Every picture that
// shows numbers as grays or colors states its scale.
package viz
