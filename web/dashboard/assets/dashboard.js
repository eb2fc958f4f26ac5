// The page of a training: it follows the server's events and shows the newest state.

import { draw, logTicks, ticks } from "./chart.js";
import { drawFilters } from "./filters.js";
import { percent, short, thousands } from "/ui/number.js";

const $ = (id) => document.getElementById(id);

const phases = {
  starting: "Starting", training: "Training", stopping: "Stopping after this step", stopped: "Stopped, with a checkpoint",
  measuring: "Measuring on all images", finished: "Finished", interrupted: "Interrupted", failed: "Failed",
};

let state = null; // the newest one
let over = false; // the stream has ended

follow();
$("stop").addEventListener("click", () => press("stop"));
$("resume").addEventListener("click", () => press("resume"));
new ResizeObserver(() => state && showCharts()).observe($("loss-chart"));

function follow() {
  const events = new EventSource("/dashboard/events");
  events.addEventListener("settings", (e) => showSettings(JSON.parse(e.data)));
  events.addEventListener("start", (e) => showStart(JSON.parse(e.data)));
  events.addEventListener("state", (e) => { trouble(""); take(JSON.parse(e.data)); });
  events.addEventListener("end", () => { over = true; events.close(); showButtons(); });
  events.addEventListener("error", () => { if (!over) trouble("The program doesn't answer. This page keeps trying."); });
}

async function press(what) {
  for (const id of ["stop", "resume"]) $(id).disabled = true;
  try {
    const answer = await fetch(`/dashboard/${what}`, { method: "POST" });
    if (!answer.ok) trouble((await answer.json()).error);
  } catch {
    trouble("The program doesn't answer.");
  }
}

function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = words === "";
}

function take(next) {
  const before = state;
  state = next;
  showFigures();
  showRanks();
  showButtons();
  showCharts();
  if (!before || before.history.length !== state.history.length) showRows();
  if (state.filters) {
    $("filters").hidden = false;
    $("filters-note").textContent = filtersNote(state.filters);
    drawFilters($("now"), $("now-legend"), state.filters);
  }
  if (!before || before.phase !== state.phase || before.history.length !== state.history.length) speak();
}

function showStart(f) {
  $("start-caption").textContent = f.step === 0 ? "Before learning" : `After ${thousands(f.step)} steps, where this run began`;
  drawFilters($("start"), $("start-legend"), f);
}

function filtersNote(f) {
  const which = f.tiles < f.all ? `the first ${f.tiles} of ${f.all}` : `${f.all}`;
  return `${f.name}: ${which} of ${f.height}×${f.width} weights. Each picture has one scale for all its filters, which grows with the weights.`;
}

function showFigures() {
  $("phase").textContent = phases[state.phase];
  $("phase").dataset.phase = state.phase;
  $("message").textContent = state.message ?? "";
  const share = state.steps ? state.step / state.steps : 0;
  $("bar").setAttribute("aria-valuenow", Math.floor(100 * share));
  $("done").setAttribute("width", 100 * share);
  outOf("epoch", state.epoch, state.epochs);
  outOf("step", state.step, state.steps);
  const begun = state.curve.losses.length > 0;
  $("loss").textContent = begun ? (state.loss === null ? "not a number" : short(state.loss)) : "–";
  const last = state.history.at(-1);
  const heldOut = state.heldOut[0].toUpperCase() + state.heldOut.slice(1);
  $("accuracy-set").textContent = `${heldOut} accuracy`;
  $("key-set").textContent = `${state.heldOut} images`;
  $("rows-set").textContent = heldOut;
  $("accuracy").textContent = last ? percent(last.heldOutAccuracy) : "–";
  const running = state.phase === "training" || state.phase === "stopping";
  $("pace").textContent = running && state.imagesPerSecond ? thousands(Math.round(state.imagesPerSecond)) : "–";
  $("left").textContent = running && state.secondsLeft !== null ? duration(state.secondsLeft) : state.phase === "finished" ? duration(0) : "–";
  document.title = `${state.steps ? Math.floor(100 * share) + "% · " : ""}${phases[state.phase]} · convgraph`;
}

function showRanks() {
  const ranks = state.ranks ?? [];
  $("ranks").hidden = ranks.length === 0;
  $("rank-rows").replaceChildren(...ranks.map((r, i) => {
    const row = document.createElement("tr");
    for (const words of [i, thousands(Math.round(r.imagesPerSecond)), percent(r.waiting)]) row.append(cell("td", words));
    return row;
  }));
}

function outOf(id, done, all) {
  const rest = document.createElement("small");
  rest.textContent = ` of ${thousands(all)}`;
  $(id).replaceChildren(thousands(done), rest);
}

/** 1 h 02 min, 3 min 20 s, 12 s. */
function duration(seconds) {
  const s = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`;
  if (s >= 60) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  return `${s} s`;
}

function showButtons() {
  $("stop").disabled = over || state?.phase !== "training";
  $("resume").disabled = over || state?.phase !== "stopped";
}

function showCharts() {
  showLoss();
  showAccuracy();
}

function showLoss() {
  const { first, every, losses } = state.curve;
  const points = losses.map((y, i) => ({ x: Math.min(first + (i + 0.5) * every, state.steps), y: y > 0 ? y : null }));
  const seen = points.filter((p) => p.y !== null).map((p) => p.y);
  if (seen.length === 0) return;
  const from = Math.min(...seen) * 0.9, to = Math.max(...seen) * 1.1;
  const most = Math.max(state.step, first + 1);
  draw($("loss-chart"), {
    x: { from: first, to: most, ticks: stepTicks(first, most) },
    y: { from, to, log: true, ticks: logTicks(from, to, decade) },
    series: [{ name: "faint", points }, { name: "one", points: smoothed(points), label: (v) => short(v) }],
  });
  if (every > 1) $("loss-note").textContent = `Mean of each ${thousands(every)} steps, and the running mean. Logarithmic scale.`;
  $("loss-chart").setAttribute("aria-label", `Loss over ${thousands(state.step - first)} steps: ${short(seen[0])} at first, ${short(seen.at(-1))} now`);
}

/** A running mean of the logarithms over about fifteen points: the curve is drawn on a logarithmic axis. */
function smoothed(points) {
  let mean = null, count = 0;
  return points.map(({ x, y }) => {
    if (y === null) return { x, y };
    count++;
    mean = mean === null ? Math.log(y) : mean + (Math.log(y) - mean) / Math.min(count, 15);
    return { x, y: Math.exp(mean) };
  });
}

/** 0.5, 0.002, 1e−6. */
function decade(value) {
  return value < 0.001 ? value.toExponential(0).replace("-", "−") : String(Number(value.toPrecision(1)));
}

function stepTicks(from, to) {
  return ticks(from, to, 4, (v) => thousands(Math.round(v))).filter((t) => Number.isInteger(t.at));
}

function showAccuracy() {
  const rows = state.history;
  const least = rows.length ? Math.min(...rows.flatMap((r) => [r.trainAccuracy, r.heldOutAccuracy])) : 0;
  const from = rows.length ? Math.max(0, least - Math.max(0.01, 0.15 * (1 - least))) : 0;
  const now = Math.max(state.epoch, rows.at(-1)?.epoch ?? 0, 1); // the axis grows with the training
  draw($("accuracy-chart"), {
    x: { from: 0, to: now, ticks: ticks(0, now, 6, thousands).filter((t) => Number.isInteger(t.at)) },
    y: { from, to: 1, ticks: ticks(from, 1, 5, (v) => `${Math.round(1000 * v) / 10}%`) },
    series: [["two", "trainAccuracy"], ["one", "heldOutAccuracy"]].map(([name, key]) => ({
      name, dots: rows.length <= 40, points: rows.map((r) => ({ x: r.epoch, y: r[key] })), label: percent,
    })),
  });
  const last = rows.at(-1);
  $("accuracy-wait").hidden = rows.length > 0;
  if (last) {
    $("accuracy-chart").setAttribute("aria-label",
      `Accuracy after ${rows.length} of ${state.epochs} epochs: ${state.heldOut} images ${percent(last.heldOutAccuracy)}, training images ${percent(last.trainAccuracy)}`);
  }
}

function showRows() {
  $("rows").replaceChildren(...state.history.map((r) => {
    const row = document.createElement("tr");
    for (const words of [r.epoch, thousands(r.step), r.loss === null ? "not a number" : short(r.loss), percent(r.trainAccuracy),
      percent(r.heldOutAccuracy), duration(r.seconds)]) row.append(cell("td", words));
    return row;
  }));
}

function showSettings({ title, settings }) {
  $("title").textContent = `Training ${title}`;
  $("settings").replaceChildren(...settings.map(({ name, value }) => {
    const row = document.createElement("tr");
    const head = cell("th", name);
    head.scope = "row";
    row.append(head, cell("td", value || "none"));
    return row;
  }));
}

function cell(kind, words) {
  const c = document.createElement(kind);
  c.textContent = words;
  return c;
}

/** Announces a change to screen readers: the phase, or an epoch's end. */
function speak() {
  const last = state.history.at(-1);
  const words = [`${phases[state.phase]}.`, state.message ?? ""];
  if (last) words.push(`Epoch ${last.epoch} of ${state.epochs}: ${state.heldOut} accuracy ${percent(last.heldOutAccuracy)}, loss ${last.loss === null ? "not a number" : short(last.loss)}.`);
  $("spoken").textContent = words.filter(Boolean).join(" ");
}
