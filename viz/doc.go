// Package viz draws: filters, activation maps, contact sheets, confusion matrices, learning curves and computational graphs. It knows no
// graph and no training; it takes slices and images and makes PNG, SVG and DOT.
//
// A picture is a value: a struct whose fields say what to show, checked when it is drawn.
//
//	err := viz.WritePNG("filters.png", viz.FilterGrid{Title: "before learning (seed 1)", Filters: f})
//
// [Raster] pictures go to [WritePNG] or [EncodePNG], [Vector] ones to [WriteSVG] or [EncodeSVG]; the writers replace a file in one step, so
// a failure leaves the old one. Every picture that turns numbers into greys or colours says in words which numbers it turned into which.
package viz
