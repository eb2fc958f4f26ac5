// One layer's maps on a canvas, with cells that can be selected by mouse, finger or keys.

import { scaleOf, signedScale, pixels, colorPixels, stack, writeLegend } from "../ui/gray.js";
import { short } from "../ui/number.js";
import { arrangeMaps, arrangeUnits, labelHeight } from "./arrange.js";
import { titleOf, sentenceOf, inputSentence, filterSentence, sizeText } from "./words.js";

let colors = {};

/** Takes the colors of light or dark from the style sheet. */
export function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ["strong-line", "ink", "soft", "mark", "mark-source"];
  colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

readColors();

/** A section with a layer's title, sentence, maps and legend. point(view, cell, how) is called when a cell is selected, open(name) when a link to a layer is clicked. */
export class LayerView {
  constructor(layer, network, point, open) {
    Object.assign(this, { layer, network, point, open, filters: null, values: null, available: 0, count: 0 });
    Object.assign(this, { cell: null, marks: [], window: null }); // the selected cell, and the cells it was computed from
    this.maps = document.createElement("canvas"); // all maps, one below the other
    this.filterMaps = document.createElement("canvas");
    this.section = this.#section();
    this.context = this.canvas.getContext("2d");
    this.#listen();
  }

  get extent() { return this.layer.output; }
  get color() { return this.layer.index < 0 && this.extent.maps === 3; } // red, green and blue are one picture
  get isVector() { return this.extent.height * this.extent.width === 1; }
  get isOutput() { return this.layer.last && this.isVector && this.extent.maps <= 12; }

  #section() {
    const { layer } = this;
    const section = element("section", "layer");
    section.id = `layer-${layer.name}`;
    section.setAttribute("aria-labelledby", `${section.id}-title ${section.id}-name`);
    const head = element("header");
    const title = element("h3", "", titleOf(layer));
    title.id = `${section.id}-title`;
    const name = element("span", "layer-name", layer.name);
    name.id = `${section.id}-name`;
    head.append(title, name, element("span", "layer-size soft small", sizeText(layer.output)));
    if (this.network.branched) head.append(this.#neighbors());
    const sentence = layer.index < 0 ? inputSentence(this.network) : sentenceOf(layer);
    this.sentence = element("p", "sentence", sentence);
    this.canvas = element("canvas", "maps");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "maps");
    const keys = "Arrow keys move from cell to cell, Page Up and Page Down from map to map.";
    this.canvas.setAttribute("aria-label", `${layer.name}, ${sizeText(layer.output)}. ${keys}`);
    this.foot = element("div", "layer-foot");
    this.legend = element("span");
    this.foot.append(this.legend);
    if (layer.shown < layer.output.maps) {
      this.foot.append(element("span", "small soft", `the first ${layer.shown} of ${layer.output.maps} ${this.isVector ? "units" : "maps"}`));
    }
    section.append(head, this.sentence, this.canvas, this.foot);
    return section;
  }

  /** The layer's inputs and readers as links. */
  #neighbors() {
    const line = element("span", "layer-reads small soft");
    const { reads = [], readers } = this.layer;
    const list = (word, names) => {
      if (names.length === 0) return;
      line.append(document.createTextNode(`${line.childNodes.length > 0 ? " · " : ""}${word} `));
      names.forEach((name, i) => {
        const link = element("button", "link", name);
        link.type = "button";
        link.addEventListener("click", () => this.open(name));
        line.append(document.createTextNode(i > 0 ? ", " : ""), link);
      });
    };
    list("reads", reads);
    list("read by", readers);
    return line;
  }

  #listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return this.hit(event.clientX - box.left, event.clientY - box.top);
    };
    this.canvas.addEventListener("pointermove", (event) => {
      const cell = at(event);
      if (cell) this.point(this, cell, event.pointerType === "mouse" ? "hover" : "touch");
    });
    this.canvas.addEventListener("click", (event) => {
      const cell = at(event);
      if (cell) this.point(this, cell, "click");
    });
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("focus", () => {
      if (this.canvas.matches(":focus-visible") && !this.cell) this.point(this, { map: 0, row: 0, column: 0 }, "key");
    });
  }

  #key(event) {
    const moves = {
      ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
    };
    let move = moves[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.move(...move);
  }

  /** Moves the selected cell. Units have no rows and columns: all directions step through them. */
  move(maps, rows, columns) {
    const from = this.cell ?? { map: 0, row: 0, column: 0 };
    if (this.isVector) [maps, rows, columns] = [maps + columns + rows * (this.place?.columns ?? 1), 0, 0];
    const clamp = (v, n) => Math.min(n - 1, Math.max(0, v));
    const { height, width } = this.extent;
    this.point(this, {
      map: clamp(from.map + maps, this.count), row: clamp(from.row + rows, height), column: clamp(from.column + columns, width),
    }, "key");
  }

  setFilters(f) {
    if (f.maps !== 1 && f.maps !== 3) return; // no picture has other channels
    this.filters = f;
    this.sentence.textContent = `${sentenceOf(this.layer)} ${filterSentence(f.maps === 3)}`;
    const scale = signedScale(f.weights);
    stack(this.filterMaps, f.weights, f.count, f.height, f.width, scale, f.maps === 3 ? colorPixels : pixels);
    if (!this.filterLegend) {
      this.filterLegend = element("span");
      this.foot.prepend(this.filterLegend);
    }
    writeLegend(this.filterLegend, scale, "filters");
  }

  setValues(values) {
    this.values = values;
    const { height, width } = this.extent;
    this.seen = this.layer.index < 0 ? intensities(values, this.network) : values; // the values that are drawn
    this.scale = this.layer.index < 0 || this.layer.kind === "softmax" ? { black: 0, white: 1 } : scaleOf(values);
    this.count = this.color ? 1 : this.layer.shown;
    if (!this.isVector) stack(this.maps, this.seen, this.count, height, width, this.scale, this.color ? colorPixels : pixels);
    writeLegend(this.legend, this.scale, this.count > 1 && !this.isVector ? "one scale for all maps" : "");
    this.draw();
  }

  /** The values at a cell: its map's, or those of red, green and blue where one picture shows all three. */
  valuesAt(cell) {
    const { height, width } = this.extent;
    const maps = this.color ? [0, 1, 2] : [cell.map];
    return maps.map((m) => this.values[(m * height + cell.row) * width + cell.column]);
  }

  /** Redraws if the width of the column has changed. */
  fit(width) {
    if (width - 2 === this.available) return;
    this.available = width - 2;
    this.draw();
  }

  draw() {
    if (!this.values || this.available <= 0) return;
    this.place = this.isVector ? arrangeUnits(this.count, this.isOutput, this.available)
      : arrangeMaps(this.count, this.extent, this.filters, this.layer.index < 0, this.available);
    const p = this.place;
    const [lastX] = p.corner(p.columns - 1), [, lastY] = p.corner((p.rows - 1) * p.columns);
    const cssWidth = lastX + p.tileWidth + 1, cssHeight = lastY + p.tileHeight + 1;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(cssWidth * ratio), height = Math.round(cssHeight * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${cssWidth}px`;
      this.canvas.style.height = `${cssHeight}px`;
    }
    const c = this.context;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, cssWidth, cssHeight);
    if (this.isVector) this.#drawUnits(); else this.#drawMaps();
    this.#drawMarks();
  }

  #drawMaps() {
    const c = this.context, p = this.place, { height, width } = this.extent;
    c.lineWidth = 1;
    c.strokeStyle = colors["strong-line"];
    for (let i = 0; i < this.count; i++) {
      const [x, y] = this.place.corner(i);
      this.drawMap(c, i, x, y + p.top, p.unit * width, p.unit * height);
      c.strokeRect(x - 0.5, y + p.top - 0.5, p.unit * width + 1, p.unit * height + 1);
      if (this.filters) this.#drawFilter(i, x, y);
    }
  }

  /** Draws one map on any canvas. */
  drawMap(context, i, x, y, w, h) {
    const { height, width } = this.extent;
    context.imageSmoothingEnabled = w < width;
    context.drawImage(this.maps, 0, i * height, width, height, x, y, w, h);
  }

  #drawFilter(i, x, y) {
    const c = this.context, { height, width } = this.filters, w = this.place.filterUnit * width, h = this.place.filterUnit * height;
    c.imageSmoothingEnabled = false;
    c.drawImage(this.filterMaps, 0, i * height, width, height, x, y, w, h);
    c.strokeRect(x - 0.5, y - 0.5, w + 1, h + 1);
  }

  #drawUnits() {
    const c = this.context, p = this.place;
    const image = pixels(this.values, 1, p.count, this.scale).data;
    c.font = "500 12px system-ui, sans-serif";
    c.textAlign = "center";
    for (let i = 0; i < p.count; i++) {
      const [x, y] = this.place.corner(i);
      c.fillStyle = `rgb(${image[4 * i]} ${image[4 * i + 1]} ${image[4 * i + 2]})`;
      c.fillRect(x, y + p.top, p.unit, p.unit);
      c.strokeStyle = colors["strong-line"];
      c.lineWidth = 1;
      c.strokeRect(x + 0.5, y + p.top + 0.5, p.unit - 1, p.unit - 1);
      if (!this.isOutput) continue;
      c.fillStyle = colors.ink;
      c.fillText(this.network.classes[i] ?? i, x + p.unit / 2, y + 12, p.unit);
      c.fillStyle = colors.soft;
      c.fillText(this.#valueText(this.values[i]), x + p.unit / 2, y + p.top + p.unit + 13, p.unit + 4);
    }
  }

  #valueText(v) {
    return this.layer.kind === "softmax" ? v.toFixed(3) : short(v, Math.max(1, Math.abs(v)));
  }

  /** The cell that is pointed at, and in a layer that another reads, the window or the cells it was computed from. */
  #drawMarks() {
    if (this.window) {
      for (const m of this.window.maps) this.#box(m, this.window, colors["mark-source"], 2);
    }
    for (const cell of this.marks) this.#box(cell.map, areaOf(cell), colors["mark-source"], 1.5);
    if (this.cell) this.#box(this.cell.map, areaOf(this.cell), colors.mark, 2);
  }

  #box(map, area, color, thickness) {
    const p = this.place, c = this.context;
    if (map >= this.layer.shown) return;
    const [x, y] = this.place.corner(this.count === 1 ? 0 : map);
    const unit = p.unit;
    let left = x + area.left * unit, top = y + p.top + area.top * unit;
    let width = (area.right - area.left + 1) * unit, height = (area.bottom - area.top + 1) * unit;
    const least = 7; // a cell of one pixel must be seen, too
    if (width < least) [left, width] = [left + (width - least) / 2, least];
    if (height < least) [top, height] = [top + (height - least) / 2, least];
    c.strokeStyle = "#000";
    c.lineWidth = thickness + 2;
    c.globalAlpha = 0.45;
    c.strokeRect(left, top, width, height);
    c.globalAlpha = 1;
    c.strokeStyle = color;
    c.lineWidth = thickness;
    c.strokeRect(left, top, width, height);
  }

  /** The middle of the cell that is pointed at, in the window's coordinates. */
  cellInWindow() {
    const box = this.canvas.getBoundingClientRect(), p = this.place;
    const [x, y] = p.corner(this.count === 1 ? 0 : this.cell.map);
    return { x: box.left + x + (this.cell.column + 0.5) * p.unit, y: box.top + y + p.top + (this.cell.row + 0.5) * p.unit };
  }

  /** The cell at a place of the canvas, in CSS pixels; null between the maps. */
  hit(x, y) {
    const p = this.place;
    if (!p) return null;
    for (let i = 0; i < p.count; i++) {
      const [left, top] = this.place.corner(i);
      const dx = x - left, dy = y - top - p.top;
      const margin = this.isVector ? p.between / 2 : 0;
      if (dx < -margin || dy < -margin - (this.isOutput ? p.top : 0)) continue;
      if (this.isVector) {
        if (dx < p.unit + margin && dy < p.unit + margin + (this.isOutput ? labelHeight : 0)) return { map: i, row: 0, column: 0 };
        continue;
      }
      const row = Math.floor(dy / p.unit), column = Math.floor(dx / p.unit);
      if (row < this.extent.height && column < this.extent.width) return { map: i, row, column };
    }
    return null;
  }
}

/** A picture's intensities before normalization. */
function intensities(values, { input, mean, std }) {
  if (!mean && !std) return values;
  const plane = input.height * input.width;
  return values.map((v, i) => {
    const channel = Math.floor(i / plane);
    return v * (std?.[channel] ?? 1) + (mean?.[channel] ?? 0);
  });
}

const areaOf = ({ row, column }) => ({ top: row, left: column, bottom: row, right: column });

/** A new HTML element. */
export function element(tag, className = "", text = "") {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text) e.textContent = text;
  return e;
}
