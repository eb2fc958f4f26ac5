// Package file reads and writes the files that users name: parameters, specs, arrays, pictures.
//
// [Read] reads a whole file. [Write] writes a regular file whole or not at all; a pipe or a device
// it opens and writes, as any Unix tool does.
package file
