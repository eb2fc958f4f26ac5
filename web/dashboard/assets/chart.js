// Line charts as plain SVG, redrawn for each state at their size on the page.

const margin = { top: 10, right: 56, bottom: 24, left: 46 };

/**
 * Draws series of {x, y} into an svg. Each series has a class name and may have a `label` for its
 * last value; a point without a y is a gap. `x` and `y` are axes: {from, to, ticks: [{at, text}], log}.
 */
export function draw(svg, { x, y, series }) {
  const width = svg.clientWidth, height = svg.clientHeight;
  if (!width || !height) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const across = position(x, margin.left, width - margin.right);
  const up = position(y, height - margin.bottom, margin.top);
  const parts = [];
  for (const tick of y.ticks) {
    parts.push(line(margin.left, up(tick.at), width - margin.right, up(tick.at)), text(margin.left - 8, up(tick.at) + 4, tick.text, "end"));
  }
  for (const tick of x.ticks) parts.push(text(across(tick.at), height - 6, tick.text, "middle"));
  const labels = [];
  for (const s of series) {
    parts.push(element("path", { class: `line ${s.name}`, d: path(s.points, across, up) }));
    const last = s.points.findLast((p) => p.y !== null);
    if (!last || !s.label) continue;
    if (s.dots) for (const p of s.points) if (p.y !== null) parts.push(element("circle", { class: `dot ${s.name}`, cx: across(p.x), cy: up(p.y), r: 3.5 }));
    labels.push({ x: across(last.x) + 8, y: up(last.y) + 4, name: s.name, words: s.label(last.y) });
  }
  for (const l of apart(labels)) parts.push(text(l.x, l.y, l.words, "start", `value ${l.name}`));
  svg.replaceChildren(...parts);
}

/** Moves labels apart that would overlap. */
function apart(labels) {
  labels.sort((a, b) => a.y - b.y);
  for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 13);
  return labels;
}

/** Returns the function from a value of an axis to its position between two positions. */
function position(axis, from, to) {
  const f = axis.log ? Math.log : (v) => v;
  const low = f(axis.from), span = f(axis.to) - low || 1;
  return (v) => from + (to - from) * Math.min(1, Math.max(0, (f(v) - low) / span));
}

function path(points, across, up) {
  let d = "", pen = "M";
  for (const p of points) {
    if (p.y === null) { pen = "M"; continue; }
    d += `${pen}${across(p.x).toFixed(1)} ${up(p.y).toFixed(1)}`;
    pen = "L";
  }
  return d;
}

/** Ticks at round numbers, at most `most` of them. */
export function ticks(from, to, most, write) {
  if (!(to > from)) return [{ at: from, text: write(from) }];
  let step = 10 ** Math.floor(Math.log10((to - from) / most));
  step *= [1, 2, 5, 10].find((m) => (to - from) / (step * m) <= most);
  const all = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-9); i++) {
    all.push({ at: i * step + 0, text: write(i * step + 0) }); // + 0: no minus zero
  }
  return all;
}

/** Ticks of a logarithmic axis: 1, 2 and 5 of each decade, or the decades alone if there are many. */
export function logTicks(from, to, write) {
  const all = [];
  const many = Math.log10(to / from) > 2.5;
  for (let decade = Math.floor(Math.log10(from)); decade <= Math.ceil(Math.log10(to)); decade++) {
    for (const m of many ? [1] : [1, 2, 5]) {
      const at = m * 10 ** decade;
      if (at >= from * 0.999 && at <= to * 1.001) all.push({ at, text: write(at) });
    }
  }
  return all;
}

function line(x1, y1, x2, y2) { return element("line", { class: "grid-line", x1, y1, x2, y2 }); }

function text(x, y, words, anchor, name = "axis") {
  const e = element("text", { class: name, x, y, "text-anchor": anchor });
  e.textContent = words;
  return e;
}

function element(name, attributes) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}
