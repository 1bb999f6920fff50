"""Arrow and Parquet files by their paths, on this machine or in a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.read.source import arrow_place


def open_parquet(path: Path, **options: Any) -> pq.ParquetFile:
    """A Parquet file to read."""
    where, system = arrow_place(str(path))
    return pq.ParquetFile(where, filesystem=system, **options)


def write_parquet(path: Path, schema: pa.Schema, compression: str) -> pq.ParquetWriter:
    """A Parquet file to write."""
    where, system = arrow_place(str(path))
    return pq.ParquetWriter(where, schema, filesystem=system, compression=compression)


def read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A whole Parquet file."""
    with open_parquet(path) as file:
        return file.read(columns)


@contextmanager
def open_arrow(path: Path, columns: list[int] | None = None) -> Iterator[pa.ipc.RecordBatchFileReader]:
    """An Arrow file to read, all of it or the columns of some numbers."""
    where, system = arrow_place(str(path))
    options = pa.ipc.IpcReadOptions(included_fields=columns)
    with system.open_input_file(where) if system else pa.memory_map(where) as stream:
        with pa.ipc.open_file(stream, options=options) as file:
            yield file


@contextmanager
def write_arrow(path: Path, schema: pa.Schema, compression: str) -> Iterator[pa.ipc.RecordBatchFileWriter]:
    """An Arrow file to write."""
    where, system = arrow_place(str(path))
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with system.open_output_stream(where) if system else pa.OSFile(where, "wb") as stream:
        with pa.ipc.new_file(stream, schema, options=options) as writer:
            yield writer
