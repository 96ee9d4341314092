"""Parquet and SPSS files: columns with types of their own, read within bounds."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crlm.cohort.cells import as_text
from crlm.cohort.delimited import LONGEST_CELL, MOST_ROWS
from crlm.cohort.layout import MOST_COLUMNS
from crlm.ledger import CohortError

#: What such a file may hold.
MOST_CELLS, MOST_UNPACKED = 200_000_000, 1_000_000_000


@dataclass(frozen=True)
class Columns:
    """A table by its columns, as text.

    Attributes
    ----------
    headers : list of str
    texts : list of list of str
        One a header, from row 2 on.
    labels : dict of str to dict
        SPSS value labels: header to raw value to label.
    units : dict of str to str
        Unit by header where the file's own type tells it: durations are in days.
    """

    headers: list[str]
    texts: list[list[str]]
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


# ---- Parquet ----------------------------------------------------------------


def read_parquet(name: str, data: bytes, point: str = ".") -> Columns:
    """The columns of a Parquet file; durations become days.

    Raises
    ------
    CohortError
        If it is damaged, holds lists or structures, or would unpack to more than a table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    damaged = f"{name} is a damaged Parquet file. Export the table again."
    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        schema = file.schema_arrow
        _refuse_big(name, file.metadata)
        keep = [i for i, header in enumerate(schema.names) if not header.startswith("__index_")]
        _refuse_nested(name, [(i, schema.field(i)) for i in keep])
        # A text that stands in many rows stays one text only if it is read as a dictionary.
        words = [schema.names[i] for i in keep if _is_text(schema.field(i).type)]
        file = parquet.ParquetFile(pa.BufferReader(data), read_dictionary=words)
        texts: list[list[str]] = [[] for _ in keep]
        for batch in file.iter_batches(batch_size=65_536):
            for place, i in enumerate(keep):
                cells = _column_texts(batch.column(i), point)
                _refuse_long(name, place, len(texts[place]) + 2, cells)
                texts[place] += cells
            if len(texts[0] if texts else ()) > MOST_ROWS:
                raise CohortError(_too_big(name))
    except CohortError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError):
        raise CohortError(damaged) from None
    headers = [schema.names[i] for i in keep]
    units = {schema.names[i]: "days" for i in keep if pa.types.is_duration(schema.field(i).type)}
    return Columns(headers, texts, units=units)


def _refuse_big(name: str, metadata: Any) -> None:
    unpacked = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    cells = metadata.num_rows * max(metadata.num_columns, 1)
    if (
        not 0 <= metadata.num_rows <= MOST_ROWS
        or metadata.num_columns > MOST_COLUMNS
        or cells > MOST_CELLS
        or unpacked > MOST_UNPACKED
    ):
        raise CohortError(_too_big(name))


def _too_big(name: str) -> str:
    return (
        f"{name} holds more than a table of patients: {MOST_ROWS:,} rows, {MOST_COLUMNS:,} columns "
        f"and {MOST_UNPACKED / 1e9:g} GB are the most. Keep the columns that the study knows."
    )


def _refuse_long(name: str, place: int, row: int, cells: Sequence[str]) -> None:
    """A cell is a value; what is longer than Excel's longest is none."""
    if max(map(len, cells), default=0) > LONGEST_CELL:
        raise CohortError(
            f"{name}, column {place + 1}, has a cell below row {row - 1} with more than "
            f"{LONGEST_CELL:,} characters. Leave the column out, or shorten the cell."
        )


def _refuse_nested(name: str, fields: Sequence[tuple[int, Any]]) -> None:
    import pyarrow as pa

    nested = [number + 1 for number, one in fields if pa.types.is_nested(one.type)]
    if nested:
        raise CohortError(
            f"{name}, column {nested[0]}: the cells hold lists or structures, not values. "
            "Leave the column out, or write one value a cell."
        )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _column_texts(column: Any, point: str) -> list[str]:
    """The cells of one column of a batch, each distinct value turned into text once."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        known: dict[Any, str] = {}
        return [_known(known, value, point) for value in column.to_pylist()]
    words = [as_text(value, point) for value in column.dictionary.to_pylist()]
    return ["" if at is None else words[at] for at in column.indices.to_pylist()]


def _known(known: dict[Any, str], value: Any, point: str) -> str:
    key = (type(value), value)
    if key not in known:
        known[key] = as_text(value, point)
    return known[key]


# ---- SPSS -------------------------------------------------------------------


def read_spss(name: str, data: bytes, point: str = ".") -> Columns:
    """The columns of a .sav or .zsav file with their value labels.

    Raises
    ------
    CohortError
        If it is damaged or holds more than a table.
    """
    import pyreadstat

    damaged = f"{name} is a damaged SPSS file. Save it once more."
    _refuse_absurd(name, data, damaged)
    try:
        _, head = pyreadstat.read_sav(io.BytesIO(data), metadataonly=True)
        most = _most_rows(name, head)
        columns, meta = pyreadstat.read_sav(
            io.BytesIO(data), output_format="dict", row_limit=most + 1
        )
    except CohortError:
        raise
    except Exception:  # the reader fails in as many ways as a file can be damaged
        raise CohortError(damaged) from None
    texts = [[as_text(value, point) for value in columns[header]] for header in meta.column_names]
    for place, cells in enumerate(texts):
        _refuse_long(name, place, 2, cells)
    if len(texts[0] if texts else ()) > most:
        raise CohortError(_too_big(name))
    labels = {
        header: {as_text(value, point): as_text(label) for value, label in codes.items()}
        for header, codes in meta.variable_value_labels.items()
    }
    return Columns(list(meta.column_names), texts, labels)


def _most_rows(name: str, head: Any) -> int:
    """How many rows such columns may have."""
    width = sum(8 if w is None else max(int(w), 8) for w in head.variable_storage_width.values())
    if len(head.column_names) > MOST_COLUMNS:
        raise CohortError(_too_big(name))
    cells = MOST_CELLS // max(len(head.column_names), 1)
    return min(MOST_ROWS, cells, MOST_UNPACKED // max(width, 8))


def _refuse_absurd(name: str, data: bytes, damaged: str) -> None:
    """The counts in the head of the file, before anything makes room for them."""
    head = data[:176]
    if len(head) < 176:
        raise CohortError(damaged)
    order = "little" if int.from_bytes(head[64:68], "little", signed=True) in (2, 3) else "big"
    values = int.from_bytes(head[68:72], order, signed=True)
    cases = int.from_bytes(head[80:84], order, signed=True)
    if values > 5_000_000 or cases > MOST_ROWS:
        raise CohortError(_too_big(name))
