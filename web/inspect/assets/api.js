// The page's requests.

import { ask } from "./ask.js";

async function request(path, options) {
  const response = await ask(path, options);
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error || message;
  } catch { /* not JSON: the status says it */ }
  throw new Error(message);
}

export const network = async () => (await request("api/network")).json();

/** The sample pictures side by side, as one bitmap. */
export const samples = async () => createImageBitmap(await (await request("api/samples")).blob());

export const filters = async (snapshot) => (await request(`api/filters?snapshot=${snapshot}`)).json();

/** Every layer's shown values for a picture: {input, layers, milliseconds}. form is values, ink or picture. */
export async function forward(net, snapshot, form, body) {
  const response = await request(`api/forward?snapshot=${snapshot}&form=${form}`, { method: "POST", body });
  const all = new Float32Array(await response.arrayBuffer()); // little-endian, as every machine with a browser is
  let at = size(net.input);
  const result = { input: all.subarray(0, at), layers: [], milliseconds: duration(response) };
  for (const layer of net.layers) {
    const n = layer.shown * layer.output.height * layer.output.width;
    result.layers.push(all.subarray(at, at + n));
    at += n;
  }
  return result;
}

/** How a cell was computed. */
export async function explain(snapshot, layer, cell, input) {
  const query = new URLSearchParams({ snapshot, layer, map: cell.map, row: cell.row, column: cell.column });
  return (await request(`api/explain?${query}`, { method: "POST", body: input })).json();
}

/** How much a class's score depends on each pixel, by a method. */
export async function heat(snapshot, method, label, input) {
  const query = new URLSearchParams({ snapshot, method, class: label });
  const response = await request(`api/heat?${query}`, { method: "POST", body: input });
  return new Float32Array(await response.arrayBuffer());
}

function duration(response) {
  const match = /dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
  return match ? Number(match[1]) : NaN;
}

const size = ({ maps, height, width }) => maps * height * width;

/**
 * Wraps work so that one call runs at a time. Of the calls made meanwhile only the newest runs afterwards: a slow
 * server makes the page update less often, never late.
 */
export function newest(work) {
  let running = false, waiting = null;
  return async function ask(...args) {
    if (running) {
      waiting = args;
      return;
    }
    running = true;
    try {
      await work(...args);
    } finally {
      running = false;
      if (waiting) {
        const next = waiting;
        waiting = null;
        ask(...next);
      }
    }
  };
}
