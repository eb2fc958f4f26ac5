// The prediction: the verdict, a bar for each of the likeliest classes, and a sentence for screen
// readers. Softmax probabilities sum to 1; independent labels (binary cross-entropy) each have their
// own; a network without probabilities has plain numbers.

import { element } from "./layerview.js";
import { percent, short } from "../ui/number.js";

const mostBars = 10;

/** The network's outputs: the last layer's values, or the probabilities of its logits. */
export function outputs(network, values) {
  if (!network.logits) return values;
  if (network.loss === "binary_cross_entropy") return values.map((v) => 1 / (1 + Math.exp(-v)));
  const largest = Math.max(...values);
  const exponentials = values.map((v) => Math.exp(v - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((v) => v / sum);
}

/** Sets up the prediction; show() fills it in. */
export function newPrediction(network, { verdict, share, bars, spoken }) {
  const nothing = network.digits ? "nothing is drawn" : "the picture is black";
  const count = Math.min(mostBars, network.classes.length);
  const rows = Array.from({ length: count }, newBar);
  bars.replaceChildren(...rows.map((row) => row.item));
  let speech;

  /** Shows probabilities. moment names the parameters; during a stroke the spoken sentence waits. */
  function show(probabilities, { blank, moment, finished }) {
    const { name, certainty, isBest } = say(probabilities);
    verdict.textContent = blank ? "–" : name;
    verdict.classList.toggle("long", !blank && name.length > 4);
    share.textContent = blank ? nothing : certainty;
    const largest = Math.max(...probabilities.map(Math.abs));
    shownClasses(probabilities).forEach((k, i) => {
      const p = probabilities[k];
      if (network.probabilities) fill(rows[i], network.classes[k], p, percent(p), isBest(k) && !blank);
      else fill(rows[i], network.classes[k], Math.abs(p) / largest || 0, short(p), false);
    });
    clearTimeout(speech);
    speech = setTimeout(() => {
      spoken.textContent = blank ? `${nothing[0].toUpperCase()}${nothing.slice(1)}.` : `${network.digits ? "Reads" : "Sees"} ${[name, certainty].filter(Boolean).join(", ")}, with the parameters ${moment}.`;
    }, finished ? 100 : 900);
  }

  /** The verdict: the likeliest class, the labels above 1/2, or a single number. */
  function say(probabilities) {
    if (!network.probabilities) {
      const single = probabilities.length === 1;
      return { name: single ? short(probabilities[0]) : "–", certainty: single ? "" : `${probabilities.length} numbers`, isBest: () => false };
    }
    if (network.loss === "binary_cross_entropy") {
      const labels = [...probabilities.keys()].filter((k) => probabilities[k] > 0.5);
      const names = labels.slice(0, 3).map((k) => network.classes[k]).join(", ") + (labels.length > 3 ? ", …" : "");
      return { name: names || "–", certainty: `${labels.length} of ${probabilities.length} labels`, isBest: (k) => labels.includes(k) };
    }
    const best = probabilities.indexOf(Math.max(...probabilities)); // -1 if the outputs are NaN
    return { name: network.classes[best] ?? "–", certainty: percent(probabilities[best] ?? NaN), isBest: (k) => k === best };
  }

  /** All classes if few, else the likeliest. */
  function shownClasses(probabilities) {
    const all = [...probabilities.keys()];
    return all.length <= count ? all : all.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, count);
  }

  return { show };
}

function newBar() {
  const part = (name) => element("span", `bar-${name}`);
  const bar = { item: element("li"), name: part("name"), fill: part("fill"), share: part("share") };
  const track = element("span", "bar-track");
  track.append(bar.fill);
  bar.item.append(bar.name, track, bar.share);
  return bar;
}

function fill(bar, name, length, text, best) {
  bar.name.textContent = name;
  bar.fill.style.transform = `scaleX(${length})`;
  bar.share.textContent = text;
  bar.item.classList.toggle("best", best);
}
