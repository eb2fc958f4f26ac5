// The page: sends drawings and pictures, shows the answers, and explains the selected cell.

import * as api from "./api.js";
import { newPad } from "./pad.js";
import { acceptFiles, loadSamples } from "./pictures.js";
import { LayerView, readColors } from "./layerview.js";
import { newGraph } from "./graphview.js";
import { newPrediction, outputs } from "./prediction.js";
import { newHeat } from "./heat.js";
import { newSlider } from "./slider.js";
import { showExplanation, showHelp, showPixel } from "./explain.js";
import { cellText } from "./words.js";
import { short, thousands } from "../ui/number.js";

const byId = (id) => document.getElementById(id);

const state = {
  network: null,
  snapshot: 0,
  message: null, // {form, body, taken}: the present picture as a request
  taken: null, // the last message that was answered
  input: null, values: null, // the network's input, and each layer's output
  views: [], // the input's first, then each layer's
  selected: null, // {view, cell}
  pinned: false,
};

const viewAt = (layerIndex) => state.views[layerIndex + 1];

/** The view of a layer or of the input, by name. */
const viewOf = (name) => state.views.find((v) => v.layer.name === name);

// ---- from a picture to the maps ----

/**
 * Sends a picture. since is when the hand moved; finished is false in the middle of a stroke; taken is called when
 * the answer is there.
 */
function send(form, body, { since = performance.now(), finished = true, taken = () => {} } = {}) {
  state.message = { form, body, taken };
  forward(since, finished);
}

const forward = api.newest(async (since, finished) => {
  const { message } = state;
  if (!message) return;
  try {
    const result = await api.forward(state.network, state.snapshot, message.form, message.body);
    if (state.taken !== message) message.taken();
    state.taken = message;
    state.input = result.input;
    state.values = result.layers;
    showValues(finished);
    showTiming(performance.now() - since, result.milliseconds);
    say("");
  } catch (error) {
    if (state.message === message) state.message = state.taken; // later requests are about the picture that is shown
    say(error.message);
  }
});

function showValues(finished) {
  const { network } = state;
  viewAt(-1).setValues(state.input);
  state.values.forEach((values, i) => viewAt(i).setValues(values));
  state.graph.update(viewAt);
  if (!byId("reading").hidden) {
    const blank = state.input.every((v) => v === 0);
    const said = outputs(network, state.values.at(-1));
    state.prediction.show(said, { blank, moment: network.snapshots[state.snapshot], finished });
    if (finished) state.heat({ snapshot: state.snapshot, input: state.input, intensities: viewAt(-1).seen, best: largest(said) });
  }
  explainSelected();
}

/** The index of the largest magnitude: the likeliest class, or the largest number. */
const largest = (values) => values.reduce((best, v, i) => (Math.abs(v) > Math.abs(values[best]) ? i : best), 0);

/** Shows how long an update took; tests wait for the count. */
function showTiming(milliseconds, computing) {
  byId("timing").textContent =
    `The last update took ${milliseconds.toFixed(0)} ms from the hand to the last map, ${computing.toFixed(1)} ms of it for the network.`;
  const { dataset } = document.documentElement;
  dataset.updates = String(Number(dataset.updates ?? 0) + 1);
  dataset.milliseconds = milliseconds.toFixed(1);
}

function say(message) {
  byId("message").textContent = message;
}

/** Shows the same picture with other parameters. */
const changeSnapshot = api.newest(async (index) => {
  state.snapshot = index;
  try {
    const f = await api.filters(index);
    const view = state.views.find((v) => v.layer.name === f.layer);
    if (view && f.count > 0) view.setFilters(f);
    forward(performance.now(), true);
  } catch (error) {
    say(error.message);
  }
});

// ---- the selected cell ----

function point(view, cell, how) {
  if (how === "touch") return; // a finger that moves scrolls; one that taps clicks
  if (how === "hover" && state.pinned) return;
  if (how === "hover" && state.selected?.view === view && sameCell(state.selected.cell, cell)) return;
  if (how === "click") state.pinned = !(state.pinned && state.selected?.view === view && sameCell(state.selected.cell, cell));
  if (state.selected?.view !== view) clearMarks();
  state.selected = { view, cell, how };
  view.cell = cell;
  state.graph.select(view.layer.index);
  document.documentElement.dataset.selected = `${view.layer.name} ${cell.map} ${cell.row} ${cell.column}`;
  view.draw();
  explainSelected(how === "key");
}

const sameCell = (a, b) => a.map === b.map && a.row === b.row && a.column === b.column;

const explain = api.newest(async (aloud) => {
  const selected = state.selected;
  if (!selected || !state.input) return;
  const { view, cell } = selected;
  const options = {
    network: state.network, layer: view.layer, pinned: state.pinned,
    actions: {
      move: (...step) => view.move(...step),
      pin: () => { state.pinned = !state.pinned; explainSelected(); },
      close: () => { release(); view.canvas.focus({ preventScroll: true }); },
    },
  };
  if (view.layer.index < 0) {
    const values = view.valuesAt(cell);
    replacePanel(() => showPixel(byId("explanation"), { ...options, cell, values }));
    mark(null);
    if (aloud) speak(view, cell, ...values);
    return;
  }
  try {
    const e = await api.explain(state.snapshot, view.layer.name, cell, state.input);
    if (state.selected?.view !== view || !sameCell(state.selected.cell, cell)) return;
    options.pinned = state.pinned;
    options.sourceScale = viewOf(e.reads).scale;
    replacePanel(() => showExplanation(byId("explanation"), e, options));
    byId("explanation").dataset.cell = `${e.layer} ${cell.map} ${cell.row} ${cell.column} ${state.snapshot}`;
    mark(e);
    keepInSight(selected);
    if (aloud) speak(view, cell, e.value);
  } catch (error) {
    say(error.message);
  }
});

function explainSelected(aloud = false) {
  if (state.selected) explain(aloud);
}

/** Scrolls a selected cell out from under the panel where that covers the page. */
function keepInSight({ view, how }) {
  const panel = byId("why").getBoundingClientRect(), cell = view.cellInWindow();
  const covered = cell.x > panel.left && cell.y > panel.top - 24 && cell.y < panel.bottom;
  if (how !== "hover" && covered && getComputedStyle(byId("why")).position === "fixed") window.scrollBy({ top: cell.y - panel.top + 96 });
}

/** Changes the panel and keeps the focus on the pressed button. */
function replacePanel(change) {
  const panel = byId("explanation");
  const focused = panel.contains(document.activeElement) ? [...panel.querySelectorAll("button")].indexOf(document.activeElement) : -1;
  change();
  byId("why").classList.add("open");
  if (focused >= 0) panel.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
}

function speak(view, cell, ...values) {
  const numbers = values.map((v) => short(v)).join(", ");
  byId("explanation-spoken").textContent = `${view.layer.name}, ${cellText(view.layer, cell, state.network)}: ${numbers}`;
}

/** Marks the cells and windows that were read, and the receptive field in the picture. */
function mark(e) {
  clearMarks(state.selected?.view);
  if (!e) return;
  const window = e.convolution?.window ?? e.pooling?.window;
  if (window) {
    const source = viewOf(e.reads);
    source.window = {
      top: Math.max(0, window.top), left: Math.max(0, window.left),
      bottom: Math.min(source.extent.height - 1, window.top + (window.height - 1) * window.dilation[0]),
      right: Math.min(source.extent.width - 1, window.left + (window.width - 1) * window.dilation[1]),
      maps: e.pooling ? [e.cell.map] : e.convolution.taps.map((t) => t.map),
    };
    source.draw();
  }
  for (const { layer, cell } of sourceCells(e)) viewOf(layer).marks.push(cell);
  e.inputs.forEach((name) => viewOf(name).draw());
  const picture = viewAt(-1);
  if (e.sees && !e.inputs.includes(picture.layer.name)) {
    picture.window = { ...e.sees, maps: [0] };
    picture.draw();
  }
}

/** The cells from which a cell was computed, if they aren't a window, with their layers. */
function sourceCells(e) {
  const inFirst = (cells) => cells.map((cell) => ({ layer: e.reads, cell }));
  if (e.join) return e.join.terms.map((t) => ({ layer: t.layer, cell: t.from }));
  if (e.elementwise) return [{ layer: e.elementwise.layer, cell: e.elementwise.from }];
  if (e.standardization) return inFirst([e.cell]);
  if (e.normalization) return inFirst(e.normalization.neighbors.map((n) => n.from));
  if (e.affine) return inFirst(e.affine.largest.map((c) => c.from));
  if (e.softmax) return inFirst(e.softmax.classes.map((c) => c.from));
  return [];
}

function clearMarks(keep) {
  for (const v of state.views) {
    if (!v.window && v.marks.length === 0 && (!v.cell || v === keep)) continue;
    v.window = null;
    v.marks = [];
    if (v !== keep) v.cell = null;
    v.draw();
  }
}

function release() {
  state.selected = null;
  state.pinned = false;
  clearMarks();
  state.graph.select(null);
  byId("why").classList.remove("open");
  delete byId("explanation").dataset.cell;
  delete document.documentElement.dataset.selected;
  showHelp(byId("explanation"), state.network);
}

// ---- setting up ----

function makeViews() {
  const { network } = state;
  const input = {
    name: "input", kind: "input", index: -1, output: network.input, shown: Math.min(network.input.maps, 64),
  };
  network.layers.forEach((l, i) => {
    l.index = i;
    l.last = network.layers.slice(i + 1).every((next) => ["softmax", "log_softmax", "sigmoid"].includes(next.kind)); // scores and probabilities
  });
  const all = [input, ...network.layers];
  for (const l of all) l.readers = network.layers.filter((reader) => reader.reads.includes(l.name)).map((reader) => reader.name);
  network.branched = all.some((l) => l.readers.length > 1);
  state.views = all.map((l) => new LayerView(l, network, point, (name) => open(viewOf(name))));
  byId("layers").replaceChildren(...state.views.map((v) => v.section));
  const fit = () => state.views.forEach((v) => v.fit(byId("layers").clientWidth));
  fit();
  new ResizeObserver(fit).observe(byId("layers"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColors();
    state.views.forEach((v) => v.draw());
  });
}

function makeGraph() {
  state.graph = newGraph(byId("graph"), state.network, (index) => open(viewAt(index)));
}

/** Scrolls to a layer's maps. */
function open(view) {
  view.section.scrollIntoView({ block: "start" });
  view.canvas.focus({ preventScroll: true });
}

function makePad() {
  const hint = byId("pad-hint");
  const pad = newPad(byId("pad"), byId("brush"), {
    drawable: state.network.digits,
    began: () => { hint.hidden = true; },
    changed: (since, finished) => send("ink", pad.ink(), { since, finished }),
  });
  byId("clear").addEventListener("click", () => {
    pad.clear();
    hint.hidden = false;
    send("ink", pad.ink());
  });
  const show = (picture) => {
    hint.hidden = true;
    if (picture) pad.show(picture);
  };
  acceptFiles({ button: byId("choose"), input: byId("file"), target: byId("drop") }, (picture, file) => {
    send("picture", file, { taken: () => show(picture) });
  });
  return show;
}

function writeTitles() {
  const { network } = state;
  byId("network").textContent = `${network.name}, ${network.layers.length} layers, ${thousands(network.parameters)} parameters`;
  const { output } = network.layers.at(-1);
  byId("reading").hidden = !network.probabilities && output.height * output.width > 1; // an output of maps is no prediction
  if (!network.probabilities) byId("verdict-words").textContent = "It gives";
  byId("tools").hidden = !network.digits;
  byId("python").hidden = network.digits || Boolean(network.pictures) || !network.probabilities;
  if (network.pictures) {
    for (const id of ["drop", "pad-help"]) byId(id).hidden = true;
    byId("lede").textContent = `It takes no pictures (${network.pictures}); here are its values for zeros. Point at any number to see how it was computed.`;
  } else if (!network.digits) {
    byId("lede").textContent =
      "Take a sample picture, or choose one of your own. The network computes every number on this page from it. Point at any of them to see how it was computed.";
    byId("pad-title").textContent = "The picture";
    byId("pad-hint").textContent = "drop a picture here";
    byId("verdict-words").textContent = network.probabilities ? "It sees" : "It gives";
  }
  if (network.classes.length !== 10 || !network.probabilities) {
    byId("graph-title").textContent = `From the picture to ${network.classes.length} ${network.probabilities ? "probabilities" : "outputs"}`;
  }
}

async function showFirst(show) {
  const { input, samples, digits } = state.network;
  if (samples === 0) {
    send("values", new Float32Array(input.maps * input.height * input.width));
    return;
  }
  const buttons = await loadSamples(byId("samples"), state.network, (picture, values) => {
    show(picture);
    send("values", values);
  });
  buttons[digits ? 7 : 0].click();
}

async function start() {
  state.network = await api.network();
  const { network } = state;
  writeTitles();
  makeViews();
  makeGraph();
  state.prediction = newPrediction(network, {
    verdict: byId("verdict"), share: byId("verdict-share"), bars: byId("bars"), spoken: byId("spoken"),
  });
  state.heat = newHeat(network, {
    section: byId("heat"), select: byId("method"), canvas: byId("heat-map"), note: byId("heat-note"), name: byId("heat-class"),
  });
  const slider = newSlider(network.snapshots, {
    slider: byId("snapshot"), moment: byId("moment"), play: byId("play"), first: byId("time-first"), last: byId("time-last"),
    section: byId("time"),
  }, changeSnapshot);
  slider.go(network.snapshots.length - 1);
  showHelp(byId("explanation"), network);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.selected) release();
  });
  await showFirst(makePad());
}

start().catch((error) => say(error.message));
