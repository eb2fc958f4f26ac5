// Numbers as text, with a true minus sign.

/**
 * Three significant digits of a number, or the decimals of a number of the size of `largest`:
 * 0.0312, 1.25, −31.2, 4.10e−5, 7.43e4.
 */
export function short(value, largest = Math.abs(value)) {
  if (typeof value !== "number" || !Number.isFinite(value)) return minus(String(value)); // NaN, which JSON has as a string
  if (value === 0) return "0";
  const size = Number(largest.toPrecision(3));
  if (!(size >= 0.001 && size < 10000)) return minus(value.toExponential(2).replace("+", ""));
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  const text = value.toFixed(decimals);
  return minus(Number(text) === 0 ? text.replace("-", "") : text);
}

/** A float32 with just enough digits to identify it. */
export function exact(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return minus(String(value));
  for (let figures = 6; figures < 9; figures++) {
    const rounded = Number(value.toPrecision(figures));
    if (Math.fround(rounded) === Math.fround(value)) return minus(String(rounded));
  }
  return minus(String(Number(value.toPrecision(9))));
}

/** A fraction as a percentage, which shows 0% and 100% only for exactly 0 and 1. */
export function percent(share) {
  if (typeof share !== "number" || !Number.isFinite(share)) return String(share);
  if (share < 1 && share >= 0.9995) return "> 99.9%";
  if (share > 0 && share < 0.0005) return "< 0.1%";
  return (100 * share).toFixed(1) + "%";
}

/** 60,965,224. */
export function thousands(count) {
  return count.toLocaleString("en-US");
}

function minus(text) {
  return text.replaceAll("-", "−");
}
