// Package parquet reads columns of Parquet files, and writes simple ones
// (parquet.apache.org/docs/file-format). It reads columns of byte arrays and whole numbers with at
// most one value for each row, as tables of pictures have them: pages of version 1 and 2, encoded
// plainly, by dictionary or by differences, uncompressed or with Snappy, gzip or Zstandard. Pages
// are read one at a time, so a file of any size needs only the memory of its footer and of the
// pages in use.
//
// Every size that a file claims is checked against the available bytes before memory is allocated.
package parquet
