// Runs the network and answers the page's requests, one after the other. The files beside this one
// are compressed, so that a host that doesn't compress sends as little as one that does.

importScripts("wasm_exec.js");

const ready = open();
ready.catch(() => {}); // each request's answer says why; before the first one nobody awaits ready

async function open() {
  const go = new Go();
  const { snapshots, samples } = await named("network.json", async () => (await load("network.json")).json());
  const [program, sheet, ...files] = await Promise.all(
    [unpacked("convgraph.wasm.gz"), samples && bytes(samples), ...snapshots.map((s) => unpacked(s.file))]);
  const { instance } = await named("convgraph.wasm.gz", () => WebAssembly.instantiate(program, go.importObject));
  go.run(instance);
  const problem = openNetwork(snapshots.map(({ label }, i) => ({ label, data: files[i] })), sheet);
  if (problem) throw new Error(problem);
}

/** The result of a function, whose errors begin with a file's name. */
async function named(name, f) {
  try {
    return await f();
  } catch (error) {
    throw error.message.startsWith(name) ? error : new Error(`${name}: ${error.message}`);
  }
}

async function load(name) {
  const response = await named(name, () => fetch(name));
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
}

const bytes = async (name) => new Uint8Array(await (await load(name)).arrayBuffer());

/** A file's content. Some hosts declare .gz files as an encoding; then the browser has already unpacked them. */
async function unpacked(name) {
  const content = await bytes(name);
  if (content[0] !== 0x1f || content[1] !== 0x8b) return content;
  const plain = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return new Uint8Array(await new Response(plain).arrayBuffer());
  } catch { // Chromium says "Failed to fetch"
    throw new Error(`${name}: the file is damaged`);
  }
}

self.addEventListener("message", async ({ data: { id, method, path, body } }) => {
  try {
    await ready;
    const result = answer(method, `/${path}`, body);
    self.postMessage({ id, ...result }, [result.body.buffer]);
  } catch (error) {
    const text = new TextEncoder().encode(JSON.stringify({ error: error.message }));
    self.postMessage({ id, status: 500, headers: { "Content-Type": "application/json" }, body: text });
  }
});
