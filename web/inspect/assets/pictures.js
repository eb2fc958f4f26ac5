// Pictures that aren't drawn: samples, files that are chosen, files that are dropped.

import * as api from "./api.js";
import { element } from "./layerview.js";

/** Adds a button for each sample picture to the group; take(bitmap, values) is called when one is pressed. */
export async function loadSamples(group, network, take) {
  const sheet = await api.samples();
  const { height, width } = network.input;
  const canvas = document.createElement("canvas");
  canvas.width = sheet.width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  const buttons = Array.from({ length: network.samples }, (_, i) => {
    return sample(nameOf(i, network), context.getImageData(i * width, 0, width, height), network, take);
  });
  group.style.setProperty("--columns", buttons.length > 5 ? 10 : 5);
  group.setAttribute("aria-label", network.digits ? "Test images" : "Sample pictures");
  group.replaceChildren(...buttons);
  return buttons;
}

const nameOf = (i, { digits }) => (digits ? `Test image of a ${i}` : `Sample picture ${i + 1}`);

function sample(name, image, network, take) {
  const button = element("button", "sample");
  button.type = "button";
  button.setAttribute("aria-label", name);
  const picture = document.createElement("canvas");
  picture.width = image.width;
  picture.height = image.height;
  picture.getContext("2d").putImageData(image, 0, 0);
  button.append(picture);
  const values = valuesOf(image, network);
  button.addEventListener("click", () => take(picture, values));
  return button;
}

/** The network's input: intensities from 0 to 1, less the mean, divided by the std, in float32 like the network's preprocessing. */
function valuesOf({ data, width, height }, { input, mean, std }) {
  const plane = width * height, values = new Float32Array(input.maps * plane), { fround } = Math;
  for (let c = 0; c < input.maps; c++) {
    const less = fround(mean?.[c] ?? 0), by = fround(std?.[c] ?? 1);
    for (let i = 0; i < plane; i++) values[c * plane + i] = fround(fround(data[4 * i + c] / 255) - less) / by;
  }
  return values;
}

/** Accepts files by a button or dropped anywhere on the page. take(bitmap, file) gets a null bitmap if the browser can't decode the file. */
export function acceptFiles({ button, input, target }, take) {
  const accept = async (file) => {
    if (file) take(await createImageBitmap(file).catch(() => null), file);
  };
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const [file] = input.files;
    accept(file);
    input.value = ""; // the same file may be chosen again
  });
  for (const type of ["dragover", "dragleave", "drop"]) {
    document.body.addEventListener(type, (event) => {
      event.preventDefault();
      target.classList.toggle("over", type === "dragover");
    });
  }
  document.body.addEventListener("drop", (event) => accept(event.dataTransfer.files[0]));
}
