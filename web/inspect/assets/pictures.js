// Pictures that aren't drawn: test images, files that are chosen, files that are dropped.

import { element } from "./layerview.js";

const side = 28; // of a test image

/** Puts a button for each test image into its group; take(bitmap, values) is called when one is pressed. */
export async function loadSamples(group, take) {
  const sheet = new Image();
  sheet.src = "/inspect/samples.png";
  await sheet.decode();
  const canvas = document.createElement("canvas");
  canvas.width = sheet.width;
  canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  const buttons = Array.from({ length: sheet.width / side }, (_, i) => sample(i, context.getImageData(i * side, 0, side, side), take));
  group.replaceChildren(...buttons);
  return buttons;
}

function sample(digit, image, take) {
  const button = element("button", "sample");
  button.type = "button";
  button.setAttribute("aria-label", `Test image of a ${digit}`);
  const picture = document.createElement("canvas");
  picture.width = picture.height = side;
  picture.getContext("2d").putImageData(image, 0, 0);
  button.append(picture);
  const values = Float32Array.from({ length: side * side }, (_, i) => image.data[4 * i] / 255);
  button.addEventListener("click", () => take(picture, values));
  return button;
}

/** Lets files be chosen with a button and dropped anywhere on the page; take(bitmap, file) gets null for a bitmap the browser can't make. */
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
