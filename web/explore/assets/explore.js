// The page: what is drawn goes to the server, what comes back is shown, and what is pointed at is explained.

import * as api from "./api.js";
import { newPad } from "./pad.js";
import { LayerView, element, readColours } from "./layerview.js";
import { newGraph } from "./graphview.js";
import { showExplanation, showHelp, showPixel } from "./explain.js";
import { cellText } from "./words.js";
import { percent, short } from "/ui/number.js";

const byId = (id) => document.getElementById(id);
const sampleSide = 28, mostBars = 10;

const state = {
  network: null, snapshot: 0, input: null, values: null,
  views: [], // the input's first, then a layer each
  selected: null, // {view, cell}
  pinned: false,
};

const viewAt = (layerIndex) => state.views[layerIndex + 1];

// ---- from a picture to the maps ----

const forward = api.newest(async (form, body, since, finished) => {
  try {
    const result = await api.forward(state.network, state.snapshot, form, body);
    state.input = result.input;
    state.values = result.layers;
    showValues(finished);
    const milliseconds = performance.now() - since;
    byId("timing").textContent = `The last update took ${milliseconds.toFixed(0)} ms from the hand to the last map, ${result.serverMilliseconds.toFixed(1)} ms of it on the server.`;
    document.documentElement.dataset.updates = String(Number(document.documentElement.dataset.updates ?? 0) + 1);
    document.documentElement.dataset.milliseconds = milliseconds.toFixed(1);
    say("");
  } catch (error) {
    say(error.message);
  }
});

function showValues(finished) {
  viewAt(-1).setValues(state.input);
  state.values.forEach((values, i) => viewAt(i).setValues(values));
  state.graph.update(viewAt);
  showPrediction(finished);
  explainSelected();
}

/** The same picture again, after the parameters have changed. */
function again() {
  if (state.input) forward("values", state.input, performance.now(), true);
}

function say(message) {
  byId("message").textContent = message;
}

// ---- the prediction ----

let speech;

function showPrediction(finished) {
  const { network } = state;
  if (!network.probabilities) return;
  const probabilities = state.values.at(-1);
  const blank = state.input.every((v) => v === 0);
  const best = probabilities.indexOf(Math.max(...probabilities)); // -1 if the network gives NaN
  const name = network.classes[best] ?? "–";
  byId("verdict").textContent = blank ? "–" : name;
  byId("verdict-share").textContent = blank ? "nothing is drawn" : percent(probabilities[best] ?? NaN);
  const order = network.classes.length <= mostBars ? network.classes.map((_, i) => i)
    : [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, mostBars);
  order.forEach((k, i) => {
    const bar = state.bars[i];
    bar.name.textContent = network.classes[k];
    bar.fill.style.transform = `scaleX(${probabilities[k]})`;
    bar.share.textContent = percent(probabilities[k]);
    bar.item.classList.toggle("best", k === best && !blank);
  });
  clearTimeout(speech);
  speech = setTimeout(() => {
    byId("spoken").textContent = blank ? "Nothing is drawn." : `Reads ${name}, ${percent(probabilities[best] ?? NaN)}, with the parameters ${network.snapshots[state.snapshot]}.`;
  }, finished ? 100 : 900);
}

function makeBars() {
  const count = Math.min(mostBars, state.network.classes.length);
  state.bars = Array.from({ length: count }, () => {
    const item = element("li");
    const bar = { item, name: element("span", "bar-name"), fill: element("span", "bar-fill"), share: element("span", "bar-share") };
    const track = element("span", "bar-track");
    track.append(bar.fill);
    item.append(bar.name, track, bar.share);
    return bar;
  });
  byId("bars").replaceChildren(...state.bars.map((b) => b.item));
}

// ---- what is pointed at ----

function point(view, cell, how) {
  if (how === "touch") return; // a finger that moves scrolls; one that taps clicks
  if (how === "hover" && state.pinned) return;
  if (how === "hover" && state.selected?.view === view && sameCell(state.selected.cell, cell)) return;
  if (how === "click") state.pinned = !(state.pinned && state.selected?.view === view && sameCell(state.selected.cell, cell));
  state.selected?.view !== view && clearMarks();
  state.selected = { view, cell };
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
    const value = view.value(cell);
    replacePanel(() => showPixel(byId("explanation"), { ...options, cell, value }));
    mark(null);
    if (aloud) speak(view, cell, value);
    return;
  }
  try {
    const e = await api.explain(state.snapshot, view.layer.name, cell, state.input);
    if (state.selected?.view !== view || !sameCell(state.selected.cell, cell)) return;
    options.pinned = state.pinned;
    options.sourceScale = viewAt(view.layer.index - 1).scale;
    replacePanel(() => showExplanation(byId("explanation"), e, options));
    byId("explanation").dataset.cell = `${e.layer} ${cell.map} ${cell.row} ${cell.column} ${state.snapshot}`;
    mark(e);
    if (aloud) speak(view, cell, e.value);
  } catch (error) {
    say(error.message);
  }
});

function explainSelected(aloud = false) {
  if (state.selected) explain(aloud);
}

/** Changes the panel without taking the focus from the button that was pressed in it. */
function replacePanel(change) {
  const panel = byId("explanation");
  const focused = panel.contains(document.activeElement) ? [...panel.querySelectorAll("button")].indexOf(document.activeElement) : -1;
  change();
  byId("why").classList.add("open");
  if (focused >= 0) panel.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
}

function speak(view, cell, value) {
  byId("explanation-spoken").textContent = `${view.layer.name}, ${cellText(view.layer, cell, state.network)}: ${short(value)}`;
}

/** Shows in the layer before, and in the picture, where the cell's value came from. */
function mark(e) {
  clearMarks(state.selected?.view);
  const source = e && viewAt(state.selected.view.layer.index - 1);
  if (source) {
    const window = e.convolution?.window ?? e.pooling?.window;
    if (window) {
      source.window = {
        top: Math.max(0, window.top), left: Math.max(0, window.left),
        bottom: Math.min(source.extent.height - 1, window.top + (window.height - 1) * window.dilation[0]),
        right: Math.min(source.extent.width - 1, window.left + (window.width - 1) * window.dilation[1]),
        maps: e.pooling ? [e.cell.map] : e.convolution.taps.map((t) => t.map),
      };
    }
    source.marks = e.affine ? e.affine.largest.map((c) => c.from) : e.elementwise ? [e.elementwise.from] : e.softmax ? e.softmax.classes.map((c) => ({ map: c.class, row: 0, column: 0 })) : [];
    source.draw();
  }
  const picture = viewAt(-1);
  if (e && source !== picture) {
    picture.window = { ...e.sees, maps: [0] };
    picture.draw();
  }
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

// ---- pictures that aren't drawn ----

async function loadSamples(pad) {
  const sheet = new Image();
  sheet.src = "/explore/samples.png";
  await sheet.decode();
  const count = sheet.width / sampleSide;
  const canvas = document.createElement("canvas");
  canvas.width = sheet.width;
  canvas.height = sampleSide;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  const buttons = Array.from({ length: count }, (_, i) => {
    const button = element("button", "sample");
    button.type = "button";
    button.setAttribute("aria-label", `Test image of a ${i}`);
    const { data } = context.getImageData(i * sampleSide, 0, sampleSide, sampleSide);
    const picture = document.createElement("canvas");
    picture.width = picture.height = sampleSide;
    picture.getContext("2d").putImageData(new ImageData(data, sampleSide), 0, 0);
    button.append(picture);
    const values = Float32Array.from({ length: sampleSide * sampleSide }, (_, k) => Math.fround(data[4 * k] / 255));
    button.show = () => {
      byId("pad-hint").hidden = true;
      pad.show(picture, true);
      forward("values", values, performance.now(), true);
    };
    button.addEventListener("click", button.show);
    return button;
  });
  byId("samples").replaceChildren(...buttons);
  return buttons;
}

async function showPicture(pad, file) {
  try {
    const picture = await createImageBitmap(file);
    byId("pad-hint").hidden = true;
    pad.show(picture, true);
  } catch { /* the server will say what is wrong with it */ }
  forward("picture", file, performance.now(), true);
}

// ---- setting up ----

function makeViews() {
  const { network } = state;
  const input = { name: "input", kind: "input", index: -1, output: network.input, shown: network.input.maps === 3 ? 3 : Math.min(64, network.input.maps), explained: false };
  network.layers.forEach((l, i) => {
    l.index = i;
    const later = network.layers.slice(i + 1);
    l.last = later.every((next) => next.kind === "softmax"); // the scores and the probabilities
  });
  state.views = [input, ...network.layers].map((l) => new LayerView(l, network, point));
  byId("layers").replaceChildren(...state.views.map((v) => v.section));
  const fit = () => state.views.forEach((v) => v.fit(byId("layers").clientWidth));
  fit();
  new ResizeObserver(fit).observe(byId("layers"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    state.views.forEach((v) => v.draw());
  });
}

async function showFilters() {
  const f = await api.filters(state.snapshot);
  const view = state.views.find((v) => v.layer.name === f.layer);
  if (view && f.count > 0) view.setFilters(f);
}

const changeSnapshot = api.newest(async (index) => {
  state.snapshot = index;
  const { snapshots } = state.network;
  const slider = byId("snapshot");
  slider.value = index;
  slider.setAttribute("aria-valuetext", snapshots[index]);
  byId("moment").textContent = snapshots[index];
  try {
    await showFilters();
    again();
  } catch (error) {
    say(error.message);
  }
});

function makeSlider() {
  const { snapshots } = state.network;
  const slider = byId("snapshot"), play = byId("play");
  const last = snapshots.length - 1;
  slider.max = last;
  byId("time-first").textContent = snapshots[0];
  byId("time-last").textContent = last > 0 ? snapshots[last] : "";
  byId("time").classList.toggle("single", last === 0);
  let timer;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "play";
  };
  slider.addEventListener("input", () => {
    stop();
    changeSnapshot(Number(slider.value));
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "stop";
    let at = Number(slider.value) === last ? 0 : Number(slider.value);
    changeSnapshot(at);
    timer = setInterval(() => {
      if (at >= last) return stop();
      changeSnapshot(++at);
    }, 900);
  });
}

function makePad() {
  const pad = newPad(byId("pad"), byId("brush"), {
    began: () => { byId("pad-hint").hidden = true; },
    changed: (since, finished) => forward("ink", pad.ink(), since, finished),
  });
  byId("clear").addEventListener("click", () => {
    pad.clear();
    byId("pad-hint").hidden = false;
    forward("ink", pad.ink(), performance.now(), true);
  });
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) showPicture(pad, file);
  });
  const drop = byId("drop");
  const over = (event) => {
    event.preventDefault();
    drop.classList.toggle("over", event.type === "dragover");
  };
  for (const type of ["dragover", "dragleave", "drop"]) document.body.addEventListener(type, over);
  document.body.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (file) showPicture(pad, file);
  });
  return pad;
}

async function start() {
  state.network = await api.network();
  const { network } = state;
  byId("network").textContent = `${network.name}, ${network.layers.length} layers, ${network.parameters.toLocaleString("en-US")} parameters`;
  makeViews();
  state.graph = newGraph(byId("graph"), network, (index) => {
    const view = viewAt(index);
    view.section.scrollIntoView({ block: "start" });
    view.canvas.focus({ preventScroll: true });
  });
  if (!network.digits) byId("lede").textContent = "Choose a picture. The network computes every number on this page from it. Point at any of them to see what it was made of.";
  if (network.classes.length !== 10) byId("graph-title").textContent = `From the picture to ${network.classes.length} ${network.probabilities ? "probabilities" : "outputs"}`;
  byId("reading").hidden = !network.probabilities;
  makeBars();
  makeSlider();
  showHelp(byId("explanation"), network);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.selected) release();
  });
  state.snapshot = network.snapshots.length - 1;
  await changeSnapshot(state.snapshot);
  const pad = makePad();
  if (network.pictures) {
    say(network.pictures);
    return;
  }
  if (!network.digits) {
    forward("values", new Float32Array(network.input.maps * network.input.height * network.input.width), performance.now(), true);
    return;
  }
  const samples = await loadSamples(pad);
  samples[7].show();
}

start().catch((error) => say(error.message));
