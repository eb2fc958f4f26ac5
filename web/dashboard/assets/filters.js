// A first layer's filters as a grid of grays or colors.

import { writeLegend } from "/ui/gray.js";

/**
 * Draws {tiles, channels, height, width, scale, grays} on a canvas, one pixel for each weight; the
 * style sheet enlarges it.
 */
export function drawFilters(canvas, legend, f) {
  const columns = columnsFor(f.tiles), rows = Math.ceil(f.tiles / columns);
  canvas.width = columns * (f.width + 1) + 1;
  canvas.height = rows * (f.height + 1) + 1;
  const context = canvas.getContext("2d");
  const grays = Uint8Array.from(atob(f.grays), (c) => c.charCodeAt(0));
  for (let tile = 0; tile < f.tiles; tile++) {
    context.putImageData(picture(f, grays, tile), 1 + (tile % columns) * (f.width + 1), 1 + Math.floor(tile / columns) * (f.height + 1));
  }
  writeLegend(legend, { black: -f.scale, white: f.scale });
}

/** Somewhat more columns than rows, and few empty cells. */
function columnsFor(tiles) {
  let best = 1, least = Infinity;
  for (let columns = 1; columns <= tiles; columns++) {
    const cost = (columns * Math.ceil(tiles / columns) - tiles) / columns + Math.abs(Math.log(columns / Math.sqrt(1.7 * tiles)));
    if (cost < least) { least = cost; best = columns; }
  }
  return best;
}

function picture(f, grays, tile) {
  const image = new ImageData(f.width, f.height);
  const size = f.height * f.width;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) {
      const channel = f.channels === 3 ? c : 0;
      image.data[4 * i + c] = grays[(tile * f.channels + channel) * size + i];
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}
