#!/usr/bin/env python3
"""Writes the files of this folder with other programs: pip install pyarrow polars duckdb datasets pillow.

Each has the columns image.bytes, image.path and label of 40 rows that the tests know: row i has 3 + i % 7
bytes of value i (none in every eleventh row), the path "p<i // 5>" and the label i % 10.
"""
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
images = [None if i % 11 == 10 else {"bytes": bytes([i]) * (3 + i % 7), "path": f"p{i // 5}"} for i in range(ROWS)]
labels = list(range(10)) * 4
table = pa.table(
    {
        "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": pa.array(labels, pa.int64()),
    },
    metadata={"huggingface": '{"info": {}}'},
)

for name, options in {
    "snappy": dict(compression="snappy"),
    "gzip": dict(compression="gzip"),
    "zstd": dict(compression="zstd", data_page_version="2.0"),
    "plain": dict(compression="none", use_dictionary=False, row_group_size=16),
    "pages": dict(compression="none", use_dictionary=False, data_page_size=32, write_batch_size=4, write_page_index=True),
    "delta": dict(
        compression="none",
        use_dictionary=False,
        data_page_version="2.0",
        column_encoding={
            "image.bytes": "DELTA_LENGTH_BYTE_ARRAY",
            "image.path": "DELTA_BYTE_ARRAY",
            "label": "DELTA_BINARY_PACKED",
        },
    ),
    "brotli": dict(compression="brotli"),
}.items():
    pq.write_table(table, f"{name}.parquet", **options)

polars.from_arrow(table).write_parquet("polars.parquet")
duckdb.sql("COPY (SELECT * FROM 'snappy.parquet') TO 'duckdb.parquet' (FORMAT parquet, PARQUET_VERSION V2)")
