// Gets answers from the server of this page. The page without a server replaces this file.

/** Like fetch. Paths are relative to the page. */
export const ask = (path, options) => fetch(path, options);
