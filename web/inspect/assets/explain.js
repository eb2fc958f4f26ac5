// Shows how one cell was computed. All numbers come from the model's own parameters and
// activations.

import { gray, signedScale } from "../ui/gray.js";
import { short, exact } from "../ui/number.js";
import { element } from "./layerview.js";
import { cellText } from "./words.js";

/** Fills the panel with an explanation. */
export function showExplanation(root, e, { network, layer, sourceScale, pinned, actions }) {
  const head = element("header", "why-head");
  head.append(
    element("p", "why-where small soft", `${layer.name} · ${cellText(layer, e.cell, network)}`),
    valueLine(e),
    buttons(pinned, actions),
  );
  const parts = e.note ? [element("p", "", capital(e.note) + ".")]
    : e.convolution ? convolution(e, e.convolution, sourceScale)
      : e.pooling ? pooling(e, e.pooling, sourceScale)
        : e.elementwise ? elementwise(e, e.elementwise)
          : e.join ? join(e, e.join)
            : e.standardization ? standardization(e, e.standardization)
              : e.normalization ? normalization(e, e.normalization)
                : e.affine ? affine(e, e.affine, network)
                  : softmax(e, e.softmax);
  root.replaceChildren(head, ...parts);
}

/** Shows help in the panel before a cell is selected. */
export function showHelp(root, network) {
  const list = element("ol", "help");
  for (const [what, how] of [
    network.digits ? ["Draw", "a digit on the black pad, or take a test image. The maps follow your hand."]
      : ["Take", "a sample picture, choose one of your own, or drop one on the page."],
    ["Point", "at a cell of any map, or tap it. Here you then see the window it came from, the filter, the products and their sum."],
    ["Walk", "with the arrow keys from cell to cell. A click holds on to a cell, Escape lets it go."],
    ...(network.snapshots.length > 1 ? [["Slide", "the parameters from before learning to after, and watch the filters find their order."]] : []),
  ]) {
    const item = element("li");
    item.append(element("strong", "", what), document.createTextNode(` ${how}`));
    list.append(item);
  }
  const note = "Each legend gives the values of black and white. Where a scale has both signs, 0 is mid gray.";
  root.replaceChildren(element("h2", "", "How to look"), list, element("p", "small soft", note));
}

/** Explains a cell of the picture, which isn't computed. */
export function showPixel(root, { network, layer, cell, values, pinned, actions }) {
  const head = element("header", "why-head");
  head.append(
    element("p", "why-where small soft", `${layer.name} · ${cellText(layer, cell, network)}`),
    values.length === 1 ? valueLine({ value: values[0] }) : element("p"), buttons(pinned, actions),
  );
  const what = network.digits ? "A pixel of the picture: how much ink there is, from 0 to 1."
    : values.length === 3 && (network.mean || network.std) ? "A pixel of the picture as the network reads it: each color less its mean, divided by its std."
      : values.length === 3 ? "A pixel of the picture: how much there is of each color, from 0 to 1." : "A value of the picture.";
  const colors = values.length === 3 ? [sums(["red", "green", "blue"].map((name, i) => [name, values[i], name]))] : [];
  root.replaceChildren(head, element("p", "sentence", what), ...colors);
}

function valueLine(e) {
  const line = element("p", "why-value");
  const number = element("span", "number", short(e.value));
  number.dataset.number = "value";
  number.dataset.exact = e.value;
  number.title = `the kernel’s own output: ${exact(e.value)}`;
  line.append(number);
  return line;
}

function buttons(pinned, { move, pin, close }) {
  const bar = element("div", "why-buttons");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Move to another cell");
  const steps = [["left", "←", 0, -1], ["up", "↑", -1, 0], ["down", "↓", 1, 0], ["right", "→", 0, 1]];
  for (const [label, sign, rows, columns] of steps) bar.append(button(sign, `One cell ${label}`, () => move(0, rows, columns)));
  const hold = button(pinned ? "held" : "hold", pinned ? "Let the cell go" : "Hold on to this cell", pin);
  hold.setAttribute("aria-pressed", String(pinned));
  bar.append(hold, button("×", "Close the explanation", close));
  return bar;
}

function button(text, label, act) {
  const b = element("button", "tiny", text);
  b.type = "button";
  b.setAttribute("aria-label", label);
  b.addEventListener("click", act);
  return b;
}

let shownTap = 0; // kept from cell to cell

function convolution(e, c, sourceScale) {
  const many = c.taps.length > 1 || c.more.count > 0;
  if (shownTap >= c.taps.length) shownTap = 0;
  const body = element("div", "why-body");
  const draw = () => {
    const parts = [element("p", "sentence", e.kind === "resize" ? "Each cell of the window counts by its distance. Input times weight, pair by pair:"
      : "Input times weight, pair by pair:")];
    if (many && c.taps.length > 0) parts.push(tapChooser(c, (i) => { shownTap = i; draw(); }));
    const total = sums([
      ...(many ? [["of this map", c.taps[shownTap]?.subtotal, "subtotal"]] : []),
      ["sum", c.sum, "sum"], ...bias(c), output(e, c),
    ]);
    if (c.taps.length > 0) parts.push(tapGrids(e, c.taps[shownTap], c.window, sourceScale, total));
    else parts.push(total);
    body.replaceChildren(...parts, agreement(e, c.total));
  };
  draw();
  return [body];
}

function tapChooser(c, choose) {
  const group = element("div", "taps");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "The input map whose products are shown");
  c.taps.forEach((t, i) => {
    const b = button(String(t.map), `Input map ${t.map}, products’ sum ${short(t.subtotal)}`, () => choose(i));
    b.setAttribute("aria-pressed", String(i === shownTap));
    group.append(b);
  });
  if (c.more.count > 0) group.append(element("span", "small soft", `and ${c.more.count} more, together ${short(c.more.sum)}`));
  const line = element("div");
  line.append(element("p", "small soft", "Sum over all input maps; the numbers of map"), group);
  return line;
}

function tapGrids(e, tap, window, sourceScale, total) {
  const wrap = element("div", "equation");
  const { width } = window;
  wrap.append(
    grid(`window of ${e.reads}`, tap.inputs, width, sourceScale, { inside: tap.inside, name: "inputs" }),
    element("span", "sign", "×"),
    grid(e.kind === "resize" ? "weights" : "filter", tap.weights, width, signedScale(tap.weights), { name: "weights" }),
    element("span", "sign", "="),
    grid("products", tap.products, width, signedScale(tap.products), { name: "products" }),
    total,
  );
  return wrap;
}

/** A grid of numbers on their grays, with the scale: −m to m, or 0 to m. */
function grid(title, values, width, scale, { inside, winner = -1, name, large = false } = {}) {
  const figure = element("figure", "grid-figure");
  const cells = element("div", "cells");
  const words = width <= 7;
  const side = large ? 52 : width <= 3 ? 44 : width <= 5 ? 31 : width <= 7 ? 24 : Math.max(8, Math.floor(160 / width));
  cells.style.setProperty("--side", `${side}px`);
  cells.style.setProperty("--columns", width);
  cells.dataset.grid = name;
  cells.setAttribute("role", "img");
  cells.setAttribute("aria-label", `${title}: ${values.map((v) => short(v)).join(", ")}`);
  const largest = Math.max(...values.filter(Number.isFinite).map(Math.abs), 0);
  values.forEach((v, i) => {
    const cell = element("span", "", words ? brief(v, largest) : "");
    const y = Number.isFinite(v) ? gray(v, scale) : 128;
    cell.style.backgroundColor = `rgb(${y} ${y} ${y})`;
    cell.style.color = y > 120 ? "#000" : "#fff";
    cell.title = inside && !inside[i] ? "padding: 0" : exact(v);
    cell.dataset.exact = v;
    if (inside && !inside[i]) cell.classList.add("padding");
    if (i === winner) cell.classList.add("winner");
    cells.append(cell);
  });
  const caption = element("figcaption", "", title);
  caption.append(element("span", "grid-scale", scale.black < 0 ? `±${short(scale.white)}` : `0 … ${short(scale.white)}`));
  figure.append(caption, cells);
  return figure;
}

/** At most four signs. */
function brief(v, largest) {
  if (!Number.isFinite(v)) return String(v);
  if (v === 0) return "0";
  const decimals = largest >= 100 ? 0 : largest >= 10 ? 1 : 2;
  const text = v.toFixed(decimals).replace("-", "−");
  return text.replace(/^(−?)0\./, "$1.");
}

function sums(rows) {
  const table = element("table", "sums");
  for (const [label, value, name, kernel] of rows) {
    const row = element("tr", name === "total" ? "total" : "");
    const number = element("td", "number", exact(kernel ?? value));
    number.dataset.number = name;
    number.dataset.exact = value;
    row.append(rowHead(label), number);
    table.append(row);
  }
  return table;
}

/** The row of the bias, where there is one. */
const bias = (part) => part.no_bias ? [] : [["bias", part.bias, "bias"]];

/** The last row: the result of the rows above, shown as the kernel's own output. */
function output(e, part) {
  return ["output", part.total, "total", e.value];
}

function agreement(e, total, what = "the sum") {
  const same = Math.fround(total) === Math.fround(e.value);
  const words = same ? `The output is the kernel’s own; ${what} agrees to the last bit.`
    : `The output is the kernel’s own; computed again in double precision it is ${exact(total)}: float32 rounding.`;
  return element("p", "small soft", words);
}

function pooling(e, p, scale) {
  const body = element("div", "why-body");
  const sentence = {
    max: "The window’s largest value passes:", mean: "The window’s mean passes:",
    lp: "The values’ magnitudes to a power, summed, and the root of the sum:",
    subsample: "The window’s sum, times the map’s coefficient, plus its bias:",
  }[p.how];
  const wrap = element("div", "equation");
  const { inside, winner } = p, large = p.window.width <= 3;
  const title = `window of ${e.reads}, map ${e.cell.map}`;
  if (p.inputs.length > 0) wrap.append(grid(title, p.inputs, p.window.width, scale, { inside, winner, name: "inputs", large }));
  else wrap.append(element("p", "small soft", `${title}: ${p.window.height}×${p.window.width} values, too many to show`));
  const parts = [element("p", "sentence", sentence), wrap];
  if (p.how === "max") {
    const row = p.window.top + Math.floor(p.winner / p.window.width) * p.window.dilation[0];
    const column = p.window.left + p.winner % p.window.width * p.window.dilation[1];
    parts.push(sums([[`row ${row}, column ${column} wins`, p.total, "total", e.value]]));
  } else if (p.how === "mean") {
    parts.push(sums([["sum", p.sum, "sum"], ["divided by", p.count, "count"], output(e, p)]), agreement(e, p.total, "the mean"));
  } else if (p.how === "lp") {
    const factor = p.factor === 1 ? [] : [["factor", p.factor, "factor"]];
    const rows = [[`sum of |x|^${exact(p.p)}`, p.sum, "sum"], ...factor, [`output: its root of degree ${exact(p.p)}`, p.total, "total", e.value]];
    parts.push(sums(rows), agreement(e, p.total, "the root"));
  } else {
    const rows = [["sum", p.sum, "sum"], ["coefficient", p.coefficient, "coefficient"], ["bias", p.bias, "bias"], output(e, p)];
    parts.push(sums(rows), agreement(e, p.total));
  }
  body.append(...parts);
  return [body];
}

function elementwise(e, p) {
  const body = element("div", "why-body");
  const from = e.inputs.length > 1 || !sameCell(e.cell, p.from) ? [element("p", "sentence", `It is the value of ${p.layer} at ${place(p.from)}.`)] : [];
  const constants = (p.constants ?? []).map((c) => [c.name, c.value, `constant-${c.name}`]);
  body.append(...from, sums([["in (x)", p.in, "in"], ...constants, [p.formula, p.total, "total", e.value]]));
  if (p.curve) body.append(plot(p.curve, p.in, e.value));
  if (p.formula !== "x") body.append(agreement(e, p.total, "the formula"));
  return [body];
}

const sameCell = (a, b) => a.map === b.map && a.row === b.row && a.column === b.column;
const place = (c) => `map ${c.map}, row ${c.row}, column ${c.column}`;

const joins = {
  sum: ["+", "The values at the same position are added:"], difference: ["−", "The second value is subtracted from the first:"],
  product: ["×", "The values are multiplied:"], quotient: ["÷", "The first value is divided by the second:"],
  maximum: ["or", "The larger of the values passes:"], minimum: ["or", "The smaller of the values passes:"],
};

function join(e, j) {
  const body = element("div", "why-body");
  const [sign, sentence] = joins[j.how];
  const table = element("table", "contributions");
  table.append(headRow(["from", "map, row, column", "value"]));
  const largest = Math.max(...j.terms.map((t) => Math.abs(t.value)), 0) || 1;
  j.terms.forEach((t, i) => {
    const row = element("tr");
    const number = td(t.value);
    number.dataset.number = `term-${i}`;
    row.append(rowHead(`${i === 0 ? "" : `${sign} `}${t.layer}`), element("td", "right", place(t.from).replace(/map |row |column /g, "")),
      number, barCell(t.value / largest));
    table.append(row);
  });
  const more = j.more.count > 0 ? [[`${j.more.count} others together`, j.more.sum, "more"]] : [];
  body.append(
    element("p", "sentence", `Branches meet here. ${sentence}`), table, sums([...more, output(e, j)]), agreement(e, j.total, `the ${j.how}`),
  );
  return [body];
}

function standardization(e, s) {
  const body = element("div", "why-body");
  const of = {
    running: `of map ${s.first} over the pictures of the training`,
    group: `of maps ${s.first} to ${s.last}, ${s.count} values of this picture`,
    place: `of all ${s.count} maps at this place`,
  }[s.how];
  body.append(
    element("p", "sentence", `The value of ${e.reads} less a mean, divided by a std, both ${of}; then times a learned weight, plus a learned bias:`),
    sums([
      ["in (x)", s.in, "in"], ["mean", s.mean, "mean"], ["variance", s.variance, "variance"], [`std = √(variance + ${short(s.eps)})`, s.std, "std"],
      ["(x − mean) / std", s.standardized, "standardized"], ["weight", s.weight, "weight"], ["bias", s.bias, "bias"], output(e, s),
    ]),
    agreement(e, s.total, "weight · (x − mean) / std + bias"),
  );
  return [body];
}

function normalization(e, n) {
  const body = element("div", "why-body");
  const table = element("table", "contributions");
  table.append(headRow([`from ${e.reads}`, "value", "its square"]));
  const largest = Math.max(...n.neighbors.map((other) => other.square), 0) || 1;
  for (const other of n.neighbors) {
    const row = element("tr", other.from.map === e.cell.map ? "this" : "");
    row.append(rowHead(`map ${other.from.map}`), td(other.input), td(other.square), barCell(other.square / largest));
    table.append(row);
  }
  const more = n.more.count > 0 ? [[`squares of ${n.more.count} more maps`, n.more.sum, "more"]] : [];
  const power = `b^${exact(n.beta)}`;
  body.append(
    element("p", "sentence", "The value’s own map and its neighbors, at the same position:"), table,
    sums([
      ...more, ["sum of squares (s)", n.sum, "sum"], [`b = ${exact(n.k)} + ${exact(n.alpha)} · s`, n.base, "base"], [power, n.divisor, "divisor"],
      ["in (x)", n.in, "in"], [`output: x / ${power}`, n.total, "total", e.value],
    ]),
    agreement(e, n.total, "the quotient"),
  );
  return [body];
}

/** The function with the point that is this cell. */
function plot({ low, high, values }, x, y) {
  const ns = "http://www.w3.org/2000/svg";
  const finite = values.filter(Number.isFinite);
  const top = Math.max(1.1, ...finite), bottom = Math.min(0, ...finite);
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 240 120");
  svg.setAttribute("class", "plot");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `The function, with this cell’s point at ${short(x)}, ${short(y)}`);
  const lowest = bottom < 0 ? 110 : 100;
  const px = (v) => 8 + (v - low) / (high - low) * 224, py = (v) => lowest - (v - bottom) / (top - bottom) * (lowest - 12);
  const add = (name, attributes) => {
    const e = document.createElementNS(ns, name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    svg.append(e);
  };
  add("path", { d: `M8 ${py(0)}H232M120 8V112`, class: "axis" });
  const points = values.map((v, i) => [low + (high - low) * i / (values.length - 1), v]).filter(([, v]) => Number.isFinite(v));
  add("path", { d: "M" + points.map(([at, v]) => `${px(at).toFixed(1)} ${py(v).toFixed(1)}`).join("L"), class: "curve" });
  add("path", { d: `M${px(x)} ${py(0)}V${py(y)}H120`, class: "drop" });
  add("circle", { cx: px(x), cy: py(y), r: 4.5, class: "point" });
  return svg;
}

function affine(e, a, network) {
  const body = element("div", "why-body");
  const before = network.layers.find((l) => l.name === e.reads);
  const where = (c) => !before || before.output.height * before.output.width > 1 ? `map ${c.map}, ${c.row}, ${c.column}` : `unit ${c.map}`;
  const table = element("table", "contributions");
  table.append(headRow([`from ${e.reads}`, "input", "weight", "product"]));
  const largest = Math.max(...a.largest.map((c) => Math.abs(c.product)), 0) || 1;
  for (const c of a.largest) {
    const row = element("tr");
    row.append(rowHead(where(c.from)), td(c.input), td(c.weight), td(c.product), barCell(c.product / largest));
    table.append(row);
  }
  body.append(
    element("p", "sentence", "Each input is multiplied by its own weight. The largest products:"), table,
    sums([
      [`${a.more.count} others together`, a.more.sum, "more"], ["sum of all products", a.sum, "sum"], ...bias(a), output(e, a),
    ]),
    agreement(e, a.total),
  );
  return [body];
}

function softmax(e, s) {
  const body = element("div", "why-body");
  const table = element("table", "contributions softmax");
  table.append(headRow(["class", "score", "exp", "share"]));
  for (const c of s.classes) {
    const row = element("tr", sameCell(c.from, e.cell) ? "this" : "");
    const probability = td(c.probability);
    if (sameCell(c.from, e.cell)) probability.dataset.number = "probability";
    row.append(rowHead(c.name), td(c.logit), td(c.exponential), probability, barCell(c.probability));
    table.append(row);
  }
  const asked = s.classes.find((c) => sameCell(c.from, e.cell));
  const result = s.log ? [["probability", asked.probability, "probability"], ["output: its logarithm", e.value, "total"]]
    : [["probability", e.value, "total"]];
  const more = s.more > 0 ? [element("p", "small soft", `and ${s.more} more classes`)] : [];
  body.append(
    element("p", "sentence", "The exponential of each score (less the largest score, so that none overflows), divided by the sum of all:"),
    table, ...more,
    sums([["exponential", asked.exponential, "exponential"], ["sum of all exponentials", s.sum, "sum"], ...result]),
  );
  return [body];
}

function headRow(names) {
  const row = element("tr");
  for (const [i, name] of names.entries()) {
    const th = element("th", i > 0 ? "right" : "", name);
    th.scope = "col";
    row.append(th);
  }
  row.append(element("td"));
  return row;
}

function rowHead(text) {
  const th = element("th", "", text);
  th.scope = "row";
  return th;
}

function td(value) {
  const cell = element("td", "number", short(value));
  cell.dataset.exact = value;
  cell.title = exact(value);
  return cell;
}

/** A bar as long as a share of 1, in another color if that is negative. */
function barCell(share) {
  const cell = element("td", "bar-cell");
  const bar = element("span", share < 0 ? "signed negative" : "signed");
  bar.style.width = `${Math.round(46 * Math.min(1, Math.abs(Number(share) || 0)))}px`;
  cell.append(bar);
  return cell;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
