"""Headers, codes and levels as a codebook writes them: YAML that a person can read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

#: A question that whoever checks the codebook answers.
ASKED = '"?"'


def quoted(text: str) -> str:
    """A text as YAML has it, quoted."""
    return json.dumps(text, ensure_ascii=False)


def asked(level: str) -> str:
    """A level, or the question that stands for it."""
    return ASKED if level == "?" else level if level else '""'


def headers_of(headers: Sequence[str]) -> str:
    """One header, or the list of several."""
    return quoted(headers[0]) if len(headers) == 1 else f"[{', '.join(map(quoted, headers))}]"


def wrapped(line: str) -> list[str]:
    """A flow mapping over several lines, broken at its commas."""
    if len(line) <= 110:
        return [line]
    parts = re.split(r'(?<=[\w"}\]]), (?=")', line)
    lines, current = [], parts[0]
    for part in parts[1:]:
        if len(current) + len(part) > 100:
            lines.append(current + ",")
            current = "      " + part
        else:
            current += ", " + part
    return [*lines, current]


def one_line(text: str) -> str:
    """A cell in a comment."""
    return " ".join(text.split())[:30]
