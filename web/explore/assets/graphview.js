// The graph of the computation: a step for each op, its parameters above it, and in each step what it gives out right now.

import { element } from "./layerview.js";

const thumb = 60;

/** Draws the graph into its element; open(layerIndex) is called when a step is chosen. */
export function newGraph(root, network, open) {
  const byID = new Map(network.nodes.map((n) => [n.id, n]));
  const indexOf = new Map(network.layers.map((l, i) => [l.name, i]));
  const steps = network.nodes.filter((n) => n.kind !== "parameter");
  const last = new Map(steps.map((n) => [n.layer, n.id])); // of a layer's steps the last gives its output
  const list = element("ol", "steps");
  const pictures = [];
  for (const node of steps) {
    const item = element("li", "step");
    const parameters = node.inputs.map((id) => byID.get(id)).filter((n) => n.kind === "parameter");
    const above = element("div", "step-parameters");
    for (const p of parameters) {
      const chip = element("span", "parameter", p.label.replace(`${p.layer}.`, ""));
      chip.title = `${p.label}: ${p.shape.join("×")}`;
      above.append(chip, element("span", "parameter-shape", p.shape.join("×")));
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
    button.append(element("span", "node-op", node.kind === "input" ? "input" : node.label));
    button.append(element("span", "node-layer", node.kind === "input" ? "x" : node.layer));
    if (node.detail) button.title = node.detail;
    button.addEventListener("click", () => open(index ?? -1));
    item.append(above, button, element("span", "node-shape", node.shape.slice(1).join("×")));
    list.append(item);
  }
  root.replaceChildren(list);

  return {
    /** Draws what each step gives out; views are the layers' own, the input's at -1. */
    update(viewAt) {
      for (const { canvas, index } of pictures) drawThumb(canvas, viewAt(index));
    },
    select(index) {
      for (const p of pictures) p.button.setAttribute("aria-current", p.index === index ? "step" : "false");
    },
  };
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
      const grey = Math.round(255 * Math.min(1, Math.max(0, (view.values[i] - black) / (white - black))));
      c.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      c.fillRect(x, y, side, side);
    } else {
      view.drawMap(c, i, x, y, side, side);
    }
  }
}
