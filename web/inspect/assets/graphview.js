// The graph of the computation: a node for each op, with its parameters above it and its present
// output in it. A sequential network is a row of nodes; branches lie below each other, with a line
// for each edge.

import { element } from "./layerview.js";

const thumb = 60;
const stepWidth = 112, stepHeight = 176; // of a step among branches
const chipsHeight = 34; // above a step

/** Draws the graph into its element; open(layerIndex) is called when a node is clicked. */
export function newGraph(root, network, open) {
  const byID = new Map(network.nodes.map((n) => [n.id, n]));
  const indexOf = new Map(network.layers.map((l, i) => [l.name, i]));
  const steps = network.nodes.filter((n) => n.kind !== "parameter");
  const last = new Map(steps.map((n) => [n.layer, n.id])); // of a layer's steps the last gives its output
  const branched = steps.some((n) => n.across !== steps[0].across) || network.wires.length !== steps.length - 1;
  const list = element("ol", branched ? "steps branched" : "steps");
  const pictures = [];
  for (const node of steps) {
    const item = element("li", "step");
    const parameters = node.inputs.map((id) => byID.get(id)).filter((n) => n.kind === "parameter");
    const above = element("div", "step-parameters");
    for (const p of parameters) {
      const name = p.label.replace(`${p.layer}.`, "");
      const chip = element("span", "parameter", branched ? name.replace("running_", "") : name);
      chip.title = `${p.label}: ${p.shape.join("×")}`;
      above.append(chip);
      if (!branched) above.append(element("span", "parameter-shape", p.shape.join("×")));
    }
    const index = node.kind === "input" ? -1 : indexOf.get(node.layer) ?? null;
    const shows = index !== null && last.get(node.layer) === node.id;
    const button = element("button", "node");
    button.type = "button";
    if (shows) {
      const canvas = element("canvas");
      canvas.width = canvas.height = 2 * thumb;
      canvas.setAttribute("aria-hidden", "true");
      button.append(canvas);
      pictures.push({ canvas, index, button });
    }
    button.append(element("span", "node-op", node.kind === "input" ? "input" : node.label.replace("FrozenBatchNorm", "BatchNorm")));
    button.append(element("span", "node-layer", node.kind === "input" ? "x" : node.layer));
    button.title = [branched ? node.layer : "", node.detail].filter(Boolean).join(": ");
    button.addEventListener("click", () => open(index ?? -1));
    item.append(above, button, element("span", "node-shape", node.shape.slice(1).join("×")));
    if (branched) {
      item.style.left = `${(node.along - 0.5) * stepWidth}px`;
      item.style.top = `${(node.across - 0.5) * stepHeight}px`;
    }
    list.append(item);
  }
  if (branched) list.append(drawWires(network, steps, list));
  root.replaceChildren(list);

  return {
    /** Draws each node's output; viewAt(i) is the view of layer i, of the input for -1. */
    update(viewAt) {
      for (const { canvas, index } of pictures) drawThumb(canvas, viewAt(index));
    },
    select(index) {
      for (const p of pictures) p.button.setAttribute("aria-current", p.index === index ? "step" : "false");
    },
  };
}

/** The lines of what reads what, and the size of the list that they lie in. */
function drawWires(network, steps, list) {
  const ns = "http://www.w3.org/2000/svg";
  const right = Math.max(...steps.map((n) => n.along + 0.5), 0) * stepWidth;
  const lowest = Math.max(...steps.map((n) => n.across + 0.5), ...network.wires.map((w) => w.across + 0.2));
  list.style.width = `${right}px`;
  list.style.height = `${lowest * stepHeight}px`;
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("class", "wires");
  svg.setAttribute("width", right);
  svg.setAttribute("height", lowest * stepHeight);
  svg.setAttribute("aria-hidden", "true");
  const x = (along) => along * stepWidth, y = (across) => across * stepHeight + chipsHeight / 2;
  const inset = 4; // a step is a little narrower than its place
  for (const w of network.wires) {
    const curve = (from, to) => {
      const middle = (x(from[0]) + x(to[0])) / 2;
      return `C${middle} ${y(from[1])} ${middle} ${y(to[1])} ${x(to[0])} ${y(to[1])}`;
    };
    const path = document.createElementNS(ns, "path");
    const end = [w.end[0], w.end[1]];
    path.setAttribute("d", `M${x(w.start[0]) - inset} ${y(w.start[1])}H${x(w.start[0])}${curve(w.start, [w.bend, w.across])}` +
      `H${x(w.unbend)}${curve([w.unbend, w.across], end)}h${inset}`);
    path.dataset.from = w.from;
    path.dataset.to = w.to;
    svg.append(path);
    const tip = document.createElementNS(ns, "path");
    tip.setAttribute("class", "tip");
    tip.setAttribute("d", `M${x(end[0]) + inset} ${y(end[1])}l-7 -4v8z`);
    svg.append(tip);
  }
  const item = element("li", "wires-item");
  item.setAttribute("aria-hidden", "true");
  item.append(svg);
  return item;
}

/** All of a layer's maps in a square, or its units as one. */
function drawThumb(canvas, view) {
  const c = canvas.getContext("2d");
  c.clearRect(0, 0, canvas.width, canvas.height);
  const { count } = view;
  if (count === 0) return;
  const columns = Math.ceil(Math.sqrt(count)), rows = Math.ceil(count / columns);
  const between = columns > 1 ? 2 : 0;
  const side = (canvas.width - (columns - 1) * between) / columns;
  const top = (canvas.height - rows * side - (rows - 1) * between) / 2;
  for (let i = 0; i < count; i++) {
    const x = i % columns * (side + between), y = top + Math.floor(i / columns) * (side + between);
    if (view.isVector) {
      const { black, white } = view.scale;
      const gray = Math.round(255 * Math.min(1, Math.max(0, (view.values[i] - black) / (white - black))));
      c.fillStyle = `rgb(${gray} ${gray} ${gray})`;
      c.fillRect(x, y, side, side);
    } else {
      view.drawMap(c, i, x, y, side, side);
    }
  }
}
