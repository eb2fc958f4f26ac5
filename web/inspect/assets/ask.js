// Where answers come from: the server that sent this page. The page without a server has another file in place of this one.

/** Like fetch. Paths are relative to the page. */
export const ask = (path, options) => fetch(path, options);
