// Numbers as grays. Every scale states the values of black, mid gray and white; values that aren't
// finite are magenta.

import { short } from "./number.js";

/** The scale of values that may be negative: black −m, mid gray 0, white m, where m is the largest magnitude. */
export function signedScale(values) {
  const { least, greatest } = extent(values);
  const m = Math.max(-least, greatest, 0) || 1;
  return { black: -m, white: m };
}

/** The scale of values that aren't negative: black 0, white the greatest. A negative value makes it signed. */
export function scaleOf(values) {
  const { least, greatest } = extent(values);
  if (least < 0) return signedScale(values);
  return { black: 0, white: greatest > 0 ? greatest : 1 };
}

/** The gray of a value, 0 to 255. */
export function gray(value, scale) {
  return Math.round(255 * Math.min(1, Math.max(0, (value - scale.black) / (scale.white - scale.black))));
}

/** A height×width plane, row-major, as pixels. */
export function pixels(values, height, width, scale) {
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const v = values[i];
    const finite = Number.isFinite(v);
    const y = finite ? gray(v, scale) : 0;
    image.data[4 * i] = finite ? y : 255;
    image.data[4 * i + 1] = y;
    image.data[4 * i + 2] = finite ? y : 255;
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** Three planes (red, green, blue) as one picture. */
export function colorPixels(values, height, width, scale) {
  const image = new ImageData(width, height);
  const size = height * width;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = gray(values[c * size + i], scale);
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/**
 * Puts count planes (or pictures of three planes, with draw = colorPixels) on a canvas, one below
 * the other, one pixel for each value. drawImage can then draw them at any size.
 */
export function stack(canvas, values, count, height, width, scale, draw = pixels) {
  const size = values.length / count;
  if (canvas.width !== width || canvas.height !== count * height) {
    canvas.width = width;
    canvas.height = count * height;
  }
  const context = canvas.getContext("2d");
  for (let i = 0; i < count; i++) context.putImageData(draw(values.slice(i * size, (i + 1) * size), height, width, scale), 0, i * height);
}

/** Writes a legend: the ramp from black to white with the numbers of its ends, and where 0 is. */
export function writeLegend(element, scale, note = "") {
  element.classList.add("legend");
  const ramp = document.createElement("span");
  ramp.className = "ramp";
  const middle = scale.black < 0 ? "0 is mid gray" : "";
  const words = [middle, note].filter(Boolean).join("; ");
  element.replaceChildren(
    text(short(scale.black, scale.white)), ramp, text(short(scale.white, scale.white)), ...(words ? [text("· " + words)] : []),
  );
}

function text(words) {
  const span = document.createElement("span");
  span.textContent = words;
  return span;
}

function extent(values) {
  let least = Infinity, greatest = -Infinity;
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    if (v < least) least = v;
    if (v > greatest) greatest = v;
  }
  return least > greatest ? { least: 0, greatest: 0 } : { least, greatest };
}
