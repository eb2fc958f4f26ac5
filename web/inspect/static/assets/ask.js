// Gets answers from a worker that runs the network as WebAssembly, on a page without a server.

const worker = new Worker(new URL("../network/worker.js", import.meta.url));
const waiting = new Map(); // requests without an answer yet, by their numbers
let requests = 0;
let failure; // why there will be no answers

worker.addEventListener("message", ({ data: { id, status, headers, body } }) => {
  waiting.get(id).resolve(new Response(body, { status, headers }));
  waiting.delete(id);
});

worker.addEventListener("error", (event) => {
  failure = new Error(`The network can’t be loaded: ${event.message ?? "worker.js is missing"}`);
  for (const { reject } of waiting.values()) reject(failure);
  waiting.clear();
});

/** Like fetch. */
export async function ask(path, { method = "GET", body = null } = {}) {
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  if (failure) throw failure;
  const id = requests++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, method, path, body: bytes }, [bytes.buffer]);
  });
}
