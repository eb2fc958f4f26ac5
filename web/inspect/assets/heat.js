// Heat maps over the picture, by a method that the reader chooses.

import * as api from "./api.js";
import { element } from "./layerview.js";

const words = {
  gradient: ["the gradient", "The brighter, the more the score changes with the pixel."],
  "grad-cam": ["Grad-CAM", "The brighter, the more the features of a late layer there speak for the class."],
  "integrated-gradients": ["integrated gradients", "Red speaks for the class, blue against it."],
  smoothgrad: ["SmoothGrad", "The brighter, the more the score changes with the pixel, on average over noisy copies."],
  occlusion: ["occlusion", "Red: the score falls when a square there is blank; blue: it rises."],
};

/** Sets up the section; show(state) is called with each new picture: {snapshot, input, intensities, best}. */
export function newHeat(network, { section, select, canvas, note, name }) {
  section.hidden = !network.methods?.length;
  for (const method of network.methods ?? []) {
    const option = element("option", "", words[method]?.[0] ?? method);
    option.value = method;
    select.append(option);
  }
  let shown = null;

  const update = api.newest(async () => {
    if (!shown) return;
    const method = select.value, asked = shown;
    canvas.hidden = method === "";
    note.textContent = method === "" ? "" : "computing …";
    name.textContent = network.classes[asked.best] ?? "–";
    if (method === "") return;
    try {
      const heat = await api.heat(asked.snapshot, method, asked.best, asked.input);
      draw(canvas, network.input, asked.intensities, heat);
      note.textContent = words[method]?.[1] ?? "";
      section.dataset.shown = `${method} ${asked.best}`;
    } catch (error) {
      canvas.hidden = true;
      note.textContent = error.message;
    }
  });
  select.addEventListener("change", () => update());

  return (state) => {
    shown = state;
    delete section.dataset.shown;
    update();
  };
}

/** The picture in dim gray, and over it the heat: the hotter, the less of the picture is seen. */
function draw(canvas, { maps, height, width }, intensities, heat) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height), plane = height * width;
  const magnitudes = Float32Array.from(heat, Math.abs).sort();
  const most = magnitudes[Math.floor(0.995 * (plane - 1))] || magnitudes.at(-1) || 1;
  const signed = heat.some((v) => v < 0);
  for (let i = 0; i < plane; i++) {
    let light = 0;
    for (let m = 0; m < maps; m++) light += intensities[m * plane + i] / maps;
    const strength = Math.min(1, Math.abs(heat[i]) / most), gray = 255 * 0.7 * Math.min(1, Math.max(0, light));
    const color = signed ? (heat[i] > 0 ? [214, 47, 39] : [59, 99, 214]) : [255, 240 * strength ** 1.5, 60 * strength];
    const cover = 0.85 * strength;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = gray + cover * (color[c] - gray);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
