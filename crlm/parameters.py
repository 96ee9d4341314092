"""What a parameter cell declares, and how a value is held against it.

A cell declares with one line a parameter: its type, its default, and a help
comment that may end with the choices or with a range:

    ties: str = "efron"  # tied event times: efron | breslow
    entry_p: float = 0.1  # univariable p below this enters the model [0 to 1]
    samples: int = 100  # resamples; 0: none [0 or more]
    months: float = 12.0  # length of the period [above 0]

`crlm run`, a batch and the notebook itself refuse the same values in the same words.
"""

from __future__ import annotations

import ast
import difflib
import io
import json
import math
import os
import re
import tokenize
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crlm.ledger import ParameterError, load_design

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"\[(?:{_NUMBER} to {_NUMBER}|{_NUMBER} or more|above {_NUMBER})\]$")
#: What a parameter says that leaves the choice to `design.toml`.
AS_DESIGNED = "design"
_CHECKS = "parameters.check("
_INJECTED = "# Parameters"


@dataclass(frozen=True)
class Parameter:
    """One entry of a notebook's parameter cell.

    Attributes
    ----------
    name, help : str
    type : str
        As annotated; "None" where it is not, and then any value fits.
    default : object
        A literal; else the text of the expression.
    """

    name: str
    type: str
    default: Any
    help: str


def declared_in(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook, read from its tagged cell without running it.

    Raises
    ------
    ParameterError
        If the tagged cell is not Python.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            source = "".join(cell["source"])
            if _parsed(source) is None:
                raise ParameterError(f"The parameter cell of {notebook.name} is not plain Python.")
            return declared(source)
    return {}


def declared(source: str) -> dict[str, Parameter]:
    """The parameters that the text of a cell declares, in its order."""
    comments = _comments(source)
    found = {}
    for statement in _parsed(source) or []:
        name, value = _assigned(statement)
        if name:
            said = comments.get(statement.end_lineno or 0, "")
            hint = re.match(r"type:\s*(\S+)\s*(.*)", said)
            kind, said = hint.groups() if hint else (_annotation(statement), said)
            found[name] = Parameter(name, kind, _literal(value), said)
    return found


def held(values: Mapping[str, Any], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values with the types that the notebook declares.

    Parameters
    ----------
    values : mapping
        Name to value; text is read as the declared type (`"18"` for a float).
    known : mapping of str to Parameter
        From `declared_in` or `declared`.

    Raises
    ------
    ParameterError
        For unknown names (with a suggestion), and for values that are not of their type,
        not finite, none of the choices or outside the range. All faults at once.
    """
    typed, faults = _typed({name: v for name, v in values.items() if name in known}, known)
    _refuse([_unknown(name, known) for name in values if name not in known] + faults)
    return typed


def as_designed(chosen: Mapping[str, Any], study: str) -> dict[str, Any]:
    """The parameters of a run, with the design's value where one says "design".

    Parameters
    ----------
    chosen : mapping
        From `check` or `held`.
    study : str
        Whose `[choices]`, else `[conventions]`, decide. A p value of 0 is the choice that holds
        for all models if there is one, and stays 0 where each model has its own.

    Examples
    --------
    >>> as_designed({"ties": "design", "safe": 5}, "ncch_scp")
    {'ties': 'breslow', 'safe': 5}
    """
    design = load_design(study)
    paper = {"odds_limits": design.odds_limits, **design.conventions, **design.choices}
    unsaid = {"entry_p": 0.0, "stay_p": 0.0}
    return {
        name: paper.get(name, value) if value == unsaid.get(name, AS_DESIGNED) else value
        for name, value in chosen.items()
    }


def check(namespace: MutableMapping[str, Any], declaration: str = "") -> dict[str, Any]:
    """Hold a notebook's parameters against its parameter cell, from inside the notebook.

    To be called as `parameters.check(globals())` in the cell behind the parameters. It looks
    up in IPython's history which cell declared them and which cells of plain assignments came
    after it (papermill's, or the reader's own). Other names of the notebook are left alone, so
    the cell may be run again at any time. Without a history the annotations of the namespace
    are the declaration.

    Parameters
    ----------
    namespace : dict
        `globals()`; the typed values are put back into it (18 for a float becomes 18.0).
    declaration : str, optional
        The text of the parameter cell, where it is not in the history.

    Returns
    -------
    dict
        Every declared parameter and its value.

    Raises
    ------
    ParameterError
        As `held`; also for a declared name that is gone, and if no cell declares anything.
    """
    history = [str(cell) for cell in namespace.get("In", [])]
    last = _last_declaration(history)
    known = declared(declaration or (history[last] if last >= 0 else ""))
    known = known or _annotated(namespace)
    if not known:
        raise ParameterError("No parameter cell was run: run it first, then this cell.")
    others = _others(history[last + 1 :], known) if last >= 0 else []
    faults = [_unknown(name, known) for name in others]
    faults += [
        f"The parameter {name!r} is gone: run the parameter cell again."
        for name in known
        if name not in namespace
    ]
    typed, unfit = _typed({n: namespace[n] for n in known if n in namespace}, known)
    _refuse(faults + unfit)
    namespace.update(typed)
    return typed


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, if one is near, and all of them."""
    return f"{_hint(name, known, 0.5)} There is: {', '.join(known)}."


# ---- one value --------------------------------------------------------------


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise ParameterError("\n".join(faults))


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"There is no parameter {name!r}.{did_you_mean(name, known)}"


def _hint(name: str, known: Iterable[str], cutoff: float) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" Did you mean {close[0]!r}?" if close else ""


def _typed(
    values: Mapping[str, Any], known: Mapping[str, Parameter]
) -> tuple[dict[str, Any], list[str]]:
    """The values as their declared types, and what is wrong with those that do not fit."""
    typed, faults = {}, []
    for name, value in values.items():
        parameter = known[name]
        try:
            typed[name] = _read(parameter.type, value)
        except (TypeError, ValueError, OverflowError):
            said = f"{parameter.help or 'see the parameter cell'}; default {parameter.default!r}"
            faults.append(f"{name} = {_shown(value)} is not of type {parameter.type} ({said}).")
            continue
        fault = _outside(parameter, typed[name])
        if fault:
            faults.append(f"{name} = {_shown(value)} {fault}")
    return typed, faults


def _shown(value: Any) -> str:
    """A value in a message; of what may hold a table, the type alone."""
    plain = value is None or isinstance(value, str | int | float)
    return repr(value) if plain else f"a {type(value).__name__}"


def _outside(parameter: Parameter, value: Any) -> str:
    """What a value of the right type breaks: finiteness, the choices, the range; or nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number."
    listed = parameter.help.rpartition(": ")[2].split(" | ")
    choices = [choice.strip() for choice in listed] if len(listed) > 1 else []
    if choices and str(value) not in choices:
        hint = _hint(str(value), choices, 0.6) or _hint(str(value).lower(), choices, 0.6)
        return f"is none of its choices: {', '.join(choices)}.{hint}"
    bounds = _RANGE.search(parameter.help)
    if not bounds or not isinstance(value, int | float):
        return ""
    low, high, least, over = (float(bound) if bound else None for bound in bounds.groups())
    fits = (
        value > over
        if over is not None
        else value >= least
        if least is not None
        else low <= value <= high
    )
    return "" if fits else f"is outside its range, {bounds.group()[1:-1]} ({parameter.help})."


def _read(kind: str, value: Any) -> Any:
    """A value as its declared type; raises where it is none."""
    if kind == "bool":
        return _boolean(value)
    if kind in ("int", "float"):
        return _number(kind, value)
    if kind == "str":
        if not isinstance(value, str | os.PathLike):
            raise TypeError
        return os.fspath(value)
    return value


def _number(kind: str, value: Any) -> int | float:
    # Python reads "1_8" as 18; whoever types it for 1.8 would never know.
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError
    if kind == "float":
        return float(value)
    if not isinstance(value, str) and value != int(value):
        raise ValueError
    return int(value)


def _boolean(value: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    text = str(value).strip().lower()
    if text not in words:
        raise ValueError
    return words[text]


# ---- the text of a cell -----------------------------------------------------


def _parsed(source: str) -> list[ast.stmt] | None:
    """The statements of a cell; None if it is not Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError):
        return None


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    """Name and value of `name = value` or `name: type = value`; an empty name for all else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    else:
        return "", None
    return (target.id, statement.value) if isinstance(target, ast.Name) else ("", None)


def _annotation(statement: ast.stmt) -> str:
    annotation = getattr(statement, "annotation", None)
    return ast.unparse(annotation).strip("'\"") if annotation else "None"


def _literal(value: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError):
        return ast.unparse(value) if value else None


def _comments(source: str) -> dict[int, str]:
    """The comments of a cell by line."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return {}
    return {t.start[0]: t.string[1:].strip() for t in tokens if t.type == tokenize.COMMENT}


# ---- the history of a notebook ----------------------------------------------


def _annotated(namespace: Mapping[str, Any]) -> dict[str, Parameter]:
    """A declaration without its comments, from what Python keeps of a module's annotations."""
    found = namespace.get("__annotations__", {})
    return {
        name: Parameter(name, getattr(kind, "__name__", str(kind)), None, "")
        for name, kind in found.items()
    }


def _last_declaration(history: Sequence[str]) -> int:
    """Where the parameter cell was last run; -1 if it was not.

    It is the cell of nothing but annotated assignments. A reader may run a line of it on its
    own: a cell counts that has more than half as many lines as the largest one.
    """
    sizes = [_annotations(cell) for cell in history]
    most = max(sizes, default=0)
    return max((at for at, size in enumerate(sizes) if 2 * size > most), default=-1)


def _annotations(cell: str) -> int:
    """How many parameters a cell declares if it does nothing else, otherwise 0."""
    body = _parsed(cell) or []
    only = all(isinstance(s, ast.AnnAssign) and _assigned(s)[0] for s in body)
    return len(body) if only else 0


def _others(later: Sequence[str], known: Mapping[str, Parameter]) -> list[str]:
    """Names that were set as if they were parameters, and are none.

    `later` are the cells that ran since the parameter cell, the checking one last. What was
    told by an earlier check is answered by a later cell that sets the near name, or all else
    that the faulty cell set.
    """
    cells = _set_later(later, known)
    checks = [at for at, cell in enumerate(later) if _is_check(cell, later)]
    unknown: dict[str, None] = {}
    for at, names in cells.items():
        told = min((check for check in checks if check > at), default=len(later))
        answers = [set(cells[other]) for other in cells if other > told]
        good = {name for name in names if name in known}
        for name in names:
            near = set(difflib.get_close_matches(name, known, cutoff=0.5))
            if name not in known and not any(a & near or (good and good <= a) for a in answers):
                unknown[name] = None
    return list(unknown)


def _set_later(later: Sequence[str], known: Mapping[str, Parameter]) -> dict[int, list[str]]:
    """The names that cells set as parameters, by place in the history.

    Cells of plain assignments count right behind the parameter cell; so do papermill's, and
    those that set a declared name. Right before the check, where a reader runs an edited cell
    once more, a name counts that is near to a declared one.
    """
    plain = [_plain_names(cell) for cell in later]
    behind = next((at for at, names in enumerate(plain) if not names), len(plain))
    found = {
        at: names
        for at, names in enumerate(plain)
        if names and (at < behind or later[at].startswith(_INJECTED) or set(names) & set(known))
    }
    for at in reversed(range(len(later))):
        if plain[at]:
            found.setdefault(at, [name for name in plain[at] if _hint(name, known, 0.6)])
        elif not _is_check(later[at], later):
            break
    return dict(sorted(found.items()))


def _is_check(cell: str, later: Sequence[str]) -> bool:
    return _CHECKS in cell or cell == later[-1]


def _plain_names(cell: str) -> list[str]:
    """The names that a cell sets to literals if it does nothing else, otherwise none."""
    pairs = [_assigned(statement) for statement in _parsed(cell) or []]
    return [name for name, _ in pairs] if all(n and _is_plain(v) for n, v in pairs) else []


def _is_plain(value: ast.expr | None) -> bool:
    """Whether a value stands for itself, as does the `float('nan')` that papermill writes."""
    nodes = list(ast.walk(value)) if value else []
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names <= {"float"} and not any(isinstance(n, ast.Attribute | ast.Lambda) for n in nodes)
