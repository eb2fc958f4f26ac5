// Lays out a layer's maps or units on their canvas, in CSS pixels.

const gap = 10, rowGap = 14; // between maps
const tileLeast = 56, tileTarget = 76, tileMost = 112; // a map's longer side
const inputTarget = 140;
const filterTarget = 32, filterGap = 6; // the filter above a map

/** The height of a line of text above or below a unit. */
export const labelHeight = 17;

/**
 * Lays out maps in rows. A layout has unit (the side of a cell), columns, rows, tileWidth, tileHeight, top (the y of a map in its tile, below
 * its filter), between, and corner(i), the tile's top left.
 */
export function arrangeMaps(count, { height, width }, filters, isInput, available) {
  const columns = columnsFor(count, available);
  const share = (available - (columns - 1) * gap) / columns;
  const widest = isInput ? inputTarget : Math.min(tileMost, count === 1 ? tileTarget : share);
  const unit = widest / Math.max(height, width);
  const filterUnit = filters ? Math.max(1, Math.round(filterTarget / Math.max(filters.height, filters.width))) : 0;
  const top = filters ? filterUnit * filters.height + filterGap : 0;
  return place({ unit, filterUnit, top, columns, count, between: gap, tileWidth: unit * width, tileHeight: top + unit * height }, rowGap);
}

/** Lays out units in rows; those of an output are large, with their class above and their value below. */
export function arrangeUnits(count, isOutput, available) {
  if (isOutput) {
    const between = 6, unit = Math.min(54, Math.floor((available + between) / count) - between);
    return place({ unit, top: labelHeight, columns: count, count, between, tileWidth: unit, tileHeight: unit + 2 * labelHeight }, between);
  }
  const between = 2, unit = count <= 128 ? 16 : count <= 512 ? 10 : 6;
  const fitting = Math.floor((available + between) / (unit + between));
  const columns = Math.max(1, Math.min(count, fitting, 25 * Math.ceil(16 / unit)));
  return place({ unit, top: 0, columns, count, between, tileWidth: unit, tileHeight: unit }, between);
}

function place(p, betweenRows) {
  const corner = (i) => [1 + i % p.columns * (p.tileWidth + p.between), 1 + Math.floor(i / p.columns) * (p.tileHeight + betweenRows)];
  return { ...p, rows: Math.ceil(p.count / p.columns), corner };
}

/** The number of maps in a row: prefers full rows, then tiles near their target size. */
function columnsFor(count, available) {
  const tile = (columns) => (available - (columns - 1) * gap) / columns;
  const off = (columns) => Math.abs(tile(columns) - tileTarget);
  const fitting = Math.max(1, Math.round((available + gap) / (tileTarget + gap)));
  if (count <= fitting) return count;
  let best = fitting;
  for (let columns = 1; columns <= count; columns++) {
    const full = count % columns === 0 && tile(columns) >= tileLeast && tile(columns) <= tileMost;
    if (full && (count % best !== 0 || off(columns) < off(best))) best = columns;
  }
  return best;
}
