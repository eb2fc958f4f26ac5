// Package parquet reads columns of Parquet files, and writes simple ones
// (parquet.apache.org/docs/file-format). It reads what tables of pictures hold: byte arrays and whole
// numbers, one a row or none, in pages of version 1 and 2, plain, by dictionary or by differences,
// uncompressed or with Snappy, gzip or Zstandard. A page is read by itself, so a file of any size
// takes the memory of its footer and of the pages in use.
//
// Every size that a file claims is compared with the bytes that are there before memory is allocated.
package parquet
