// What the network reads: the verdict, a bar for each of the likeliest classes, and a sentence for who listens.

import { element } from "./layerview.js";
import { percent } from "/ui/number.js";

const mostBars = 10;

/** Sets up the prediction; show() fills it in. */
export function newPrediction(network, { verdict, share, bars, spoken }) {
  const count = Math.min(mostBars, network.classes.length);
  const rows = Array.from({ length: count }, newBar);
  bars.replaceChildren(...rows.map((row) => row.item));
  let speech;

  /** Shows probabilities. moment says which parameters gave them; while a stroke isn't finished the sentence waits. */
  function show(probabilities, { blank, moment, finished }) {
    const best = probabilities.indexOf(Math.max(...probabilities)); // -1 if the network gives NaN
    const name = network.classes[best] ?? "–", certainty = percent(probabilities[best] ?? NaN);
    verdict.textContent = blank ? "–" : name;
    share.textContent = blank ? "nothing is drawn" : certainty;
    shownClasses(probabilities).forEach((k, i) => fill(rows[i], network.classes[k], probabilities[k], k === best && !blank));
    clearTimeout(speech);
    speech = setTimeout(() => {
      spoken.textContent = blank ? "Nothing is drawn." : `Reads ${name}, ${certainty}, with the parameters ${moment}.`;
    }, finished ? 100 : 900);
  }

  /** All classes if they are few, else the likeliest. */
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

function fill(bar, name, probability, best) {
  bar.name.textContent = name;
  bar.fill.style.transform = `scaleX(${probability})`;
  bar.share.textContent = percent(probability);
  bar.item.classList.toggle("best", best);
}
