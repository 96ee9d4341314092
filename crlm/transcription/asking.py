"""How an answer is asked for: `--is 'LABEL=MEANING'`, as a shell takes it."""

from __future__ import annotations

import re
import shlex


def quoted(label: str, target: str) -> str:
    """An answer as a shell takes it, whatever signs the label has.

    Examples
    --------
    >>> quoted("Gender", "sex"), quoted("Patient's age", "age")
    ("'Gender=sex'", '"Patient\\'s age=age"')
    """
    text = f"{label}={target}"
    if "'" not in text:
        return f"'{text}'"
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'


def to_ask(label: str, *targets: str) -> str:
    """The options that answer for a label, one for each thing that it may be."""
    return ", or ".join(f"--is {quoted(label, target)}" for target in targets)
