"""Tables and sentences, made from result rows only.

One place decides how a number looks; no result is ever typed in prose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

import pandas as pd

from crlm.comparison import VERDICTS, tally
from crlm.ledger import Design, round_half_up

_SHORT_CELL = 22


@dataclass(frozen=True)
class Html:
    """A piece of a report that Jupyter shows as HTML and that reads as text elsewhere."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show(*pieces: Any) -> None:
    """Display pieces one under the other; None is passed over."""
    from IPython.display import display

    for piece in pieces:
        if piece is not None:
            display(piece)


def say(text: str) -> Html:
    """One plain sentence in the flow of the report."""
    return Html(f"<p>{escape(text)}</p>", text)


def skipped(what: str, why: str) -> Html:
    """The one line that stands where a section cannot be fed."""
    text = f"Not shown: {what}. {why}"
    return Html(f'<p class="skipped">{escape(text)}</p>', text)


def can(design: Design, frames: Mapping[str, pd.DataFrame], endpoint: str, *columns: str) -> bool:
    """Whether a section can be fed; if not, the line that says why is displayed.

    Parameters
    ----------
    frames : mapping of str to pandas.DataFrame
        Analysis frames by endpoint; "patients" may be one of them.
    endpoint : str
        Which frame the section reads.
    columns : str
        The columns it needs, each with at least two different values.
    """
    what = "" if endpoint == "patients" else f"{endpoint} "
    frame = frames.get(endpoint)
    if frame is None or frame.empty:
        show(skipped(f"{what}analyses", f"This cohort has no {endpoint} times."))
        return False
    absent = [name for name in columns if name not in frame or frame[name].nunique() < 2]
    if absent:
        names = " and ".join(design.label(name) for name in absent)
        why = f"This cohort holds nothing to compare under {', '.join(absent)}."
        show(skipped(f"{what}by {names}".strip(), why))
        return False
    return True


def title(what: str, by: str | None, design: Design) -> str:
    """A heading for an analysis of all patients, or by a column."""
    return f"{what} by {design.label(by)}" if by else f"{what}, all patients"


def usable(
    frame: pd.DataFrame, names: Sequence[str], design: Design, *, quietly: bool = False
) -> list[str]:
    """The names with at least two observed values; a line names those left out."""
    kept = [name for name in names if name in frame and frame[name].nunique() > 1]
    if len(kept) < len(names) and not quietly:
        lost = ", ".join(design.label(name) for name in names if name not in kept)
        show(skipped(lost, "This cohort does not hold it, or it does not vary."))
    return kept


def banner(kind: str, title: str = "", note: str = "", n: int = 0) -> Html:
    """What kind of cohort the report runs on, as the first thing a reader sees.

    Parameters
    ----------
    kind : str
        "reconstructed", "public" or "own".
    """
    texts = {
        "reconstructed": "Synthetic cohort. No row is a patient: the table was made from the "
        "paper's printed numbers. Agreement with the print shows that the analysis is the paper's "
        "and that its numbers can hold together. It shows nothing about medicine, and the rows "
        "must not be pooled as data.",
        "public": "Public cohort. Real patients, published by others; this report is a "
        "replication on their data.",
        "own": "The reader's own cohort. This report is a replication on other patients than "
        "the paper's.",
    }
    source = " ".join(part for part in (title, note) if part)
    text = f"{texts[kind]} {source}".strip()
    size = f" {n} rows in the table." if n else ""
    return Html(f'<div class="banner {kind}" role="note">{escape(text + size)}</div>', text + size)


# ---- numbers ----------------------------------------------------------------


def number(value: float, decimals: int = 2) -> str:
    """A number with fixed decimals, half-up; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{round_half_up(value, decimals):,.{decimals}f}"


def p_text(p: float) -> str:
    """A p value as journals print it: <0.001, three decimals below 0.1, else two."""
    if p is None or not math.isfinite(p):
        return "–"
    if p < 0.001:
        return "<0.001"
    return number(p, 3 if p < 0.0995 else 2)


def interval(row: dict[str, Any], decimals: int = 2) -> str:
    """`estimate (low–high)`; "not reached" for a median that is not."""
    if not math.isfinite(row["estimate"]):
        return "not reached" if row["statistic"] == "median_survival" else "–"
    text = number(row["estimate"], decimals)
    if math.isfinite(row["conf_low"]) or math.isfinite(row["conf_high"]):
        high = number(row["conf_high"], decimals)
        high = "not reached" if high == "–" and row["statistic"] == "median_survival" else high
        text += f" ({number(row['conf_low'], decimals)}–{high})"
    return text


# ---- tables -----------------------------------------------------------------


def table(
    caption: str,
    header: Sequence[str],
    body: Iterable[tuple[str, Sequence[str]]],
    notes: Sequence[str] = (),
    numeric: Sequence[int] = (),
) -> Html:
    """An HTML table that Word and Excel take by copy and paste.

    Parameters
    ----------
    body : iterable of (kind, cells)
        `kind` is a row's CSS class: "" plain, "head" a heading row, "level" an
        indented one. The first cell heads its row.
    numeric : sequence of int
        Columns set flush right.
    """
    right = {i: ' class="num"' for i in numeric}
    head = "".join(
        f'<th scope="col"{right.get(i, "")}>{escape(text)}</th>' for i, text in enumerate(header)
    )
    lines, plain = [], [" | ".join(header)]
    for kind, cells in body:
        first = f'<th scope="row">{escape(cells[0])}</th>'
        rest = "".join(_data(text, i in right) for i, text in enumerate(cells[1:], 1))
        style = f' class="{kind}"' if kind else ""
        lines.append(f"<tr{style}>{first}{rest}</tr>")
        plain.append(" | ".join(cells))
    foot = "".join(f"<div>{escape(note)}</div>" for note in notes)
    html = (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        + (f'<div class="notes">{foot}</div>' if foot else "")
    )
    return Html(html, "\n".join([caption, *plain, *notes]))


def _data(text: str, flush_right: bool) -> str:
    """A cell; short ones keep on one line, so that an estimate stays beside its limits."""
    short = "num" if flush_right else "keep"
    kind = short if len(text) <= _SHORT_CELL else ""
    return f'<td class="{kind}">{_cell(text)}</td>' if kind else f"<td>{_cell(text)}</td>"


def _cell(text: str) -> str:
    if text in VERDICTS:
        return f'<span class="verdict {text.replace(" ", "-")}">{text}</span>'
    return escape(text)


def baseline_table(rows: pd.DataFrame, design: Design, *, caption: str = "Table 1") -> Html:
    """Characteristics by group, from the rows of `baseline.table_one`."""
    sizes = rows[(rows["covariate"] == "") & (rows["statistic"] == "n")]
    groups = [g for g in dict.fromkeys(sizes["group"]) if "=" in g] + ["all"]
    count = sizes.set_index("group")["estimate"]
    header = ["Characteristic"]
    header += [f"{design.group_label(g)} (n = {count.get(g, math.nan):.0f})" for g in groups]
    header += ["p", "Test"]
    body: list[tuple[str, list[str]]] = []
    for name in dict.fromkeys(rows["covariate"]):
        if name:
            body += _baseline_rows(rows[rows["covariate"] == name], name, groups, design)
    notes = ["Median [minimum–maximum] (quartiles) for continuous, n (% of known) for categorical."]
    return table(caption, header, body, notes, numeric=[len(groups) + 1])


def _baseline_rows(
    rows: pd.DataFrame, name: str, groups: Sequence[str], design: Design
) -> list[tuple[str, list[str]]]:
    value = {
        (r["group"], r["level"], r["statistic"]): r["estimate"] for r in rows.to_dict("records")
    }
    tests = rows[rows["statistic"] == "p"]
    p = p_text(tests["estimate"].iloc[0]) if len(tests) else "–"
    method = tests["method"].iloc[0] if len(tests) else ""
    missing = value.get(("all", "", "missing"), 0) or 0
    label = design.label(name) + _unit(design, name)
    label += f" ({missing:.0f} missing)" if missing else ""
    if ("all", "", "median") in value:
        return [("", [label, *[_spread(value, g) for g in groups], p, method])]
    body = [("head", [label, *[""] * len(groups), p, method])]
    for level in dict.fromkeys(rows["level"]):
        if not value.get(("all", level, "n")):
            continue
        cells = [
            f"{value[g, level, 'n']:.0f} ({number(value[g, level, 'percent'], 0)} %)"
            for g in groups
        ]
        body.append(("level", [design.label(name, level), *cells, "", ""]))
    return body


def _unit(design: Design, name: str) -> str:
    unit = (design.columns.get(name) or {}).get("unit", "")
    return f", {unit}" if unit and unit != "tumours" else ""


def _spread(value: dict[tuple[str, str, str], float], group: str) -> str:
    got = {
        key: value.get((group, "", key), math.nan) for key in ("median", "min", "max", "q1", "q3")
    }
    text = _short_number(got["median"])
    if math.isfinite(got["min"]):
        text += f" [{_short_number(got['min'])}–{_short_number(got['max'])}]"
    if math.isfinite(got["q1"]):
        text += f" ({_short_number(got['q1'])}–{_short_number(got['q3'])})"
    return text


def _short_number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{round_half_up(value, 2):g}" if abs(value) < 1e5 else f"{value:,.0f}"


def survival_table(rows: pd.DataFrame, design: Design, *, caption: str = "") -> Html:
    """Patients, events, median and rates by endpoint and group, in months and per cent."""
    times = sorted(rows.loc[rows["statistic"] == "survival_rate", "time"].unique())
    header = ["", "n", "Events", "Median, months (95 % CI)"]
    header += [f"{t:g}-month rate, % (95 % CI)" for t in times]
    body = []
    keys = ["endpoint", "population", "group"]
    main = rows[rows["statistic"].isin(["n", "median_survival", "survival_rate"])]
    tests = rows[rows["statistic"] == "p"].set_index(keys)["estimate"]
    header += ["p (log-rank)"] if len(tests) else []
    for (endpoint, population, group), part in main.groupby(keys, sort=False):
        cells = _survival_cells(part, times)
        compared = (endpoint, population, _columns_of(group))
        if len(tests):
            cells.append(p_text(tests[compared]) if compared in tests.index else "")
        where = "" if population == "all" else f"{design.group_label(population)}: "
        body.append(("", [f"{endpoint}, {where}{design.group_label(group)}", *cells]))
    notes = sorted(set(rows.loc[rows["statistic"] == "median_survival", "method"]))
    return table(caption, header, body, notes, numeric=[1, 2])


def _survival_cells(part: pd.DataFrame, times: Sequence[float]) -> list[str]:
    records = part.to_dict("records")
    size = next((r for r in records if r["statistic"] == "n"), None)
    median = next(r for r in records if r["statistic"] == "median_survival")
    rates = {r["time"]: r for r in records if r["statistic"] == "survival_rate"}
    cells = [number(size["n"], 0), number(size["events"], 0)] if size else ["", ""]
    return [
        *cells,
        interval(median),
        *[interval(rates[t], 1) if t in rates else "–" for t in times],
    ]


def _columns_of(group: str) -> str:
    return ",".join(part.partition("=")[0] for part in group.split(","))


def regression_table(
    rows: pd.DataFrame, design: Design, *, caption: str, ratio: str = "hazard_ratio"
) -> Html:
    """Univariable and multivariable ratios side by side, reference rows, n and events."""
    short = "HR" if ratio == "hazard_ratio" else "OR"
    models = [m for m in ("univariable", "multivariable") if (rows["model"] == m).any()]
    medians = rows[rows["statistic"] == "median_survival"].set_index("group")
    header = ["Characteristic", "n", "Events"]
    header += ["Median, months"] if len(medians) else []
    for model in models:
        header += [f"{model.capitalize()} {short} (95 % CI)", "p"]
    body: list[tuple[str, list[str]]] = []
    for name in dict.fromkeys(rows.loc[rows["model"].isin(models), "covariate"]):
        if name:
            part = rows[rows["covariate"] == name]
            body += _regression_rows(part, name, models, medians, ratio, design)
    return table(caption, header, body, _methods(rows, models, ratio), numeric=[1, 2])


def _regression_rows(
    rows: pd.DataFrame, name: str, models: Sequence[str], medians: pd.DataFrame, ratio: str,
    design: Design,
) -> list[tuple[str, list[str]]]:  # fmt: skip
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows.to_dict("records"):
        found.setdefault((row["model"], row["level"], row["statistic"]), row)
    shown = [row for row in found.values() if row["statistic"] in (ratio, "reference")]
    levels = list(dict.fromkeys(row["level"] for row in shown))
    body: list[tuple[str, list[str]]] = []
    if levels != [""]:
        width = 2 + bool(len(medians)) + 2 * len(models)
        body.append(("head", [design.label(name), *[""] * width]))
    for level in levels:
        label = design.label(name, level) if level else design.label(name) + _per_unit(design, name)
        at = next(row for row in shown if row["level"] == level)
        cells = [label, number(at["n"], 0), number(at["events"], 0)]
        if len(medians):
            key = f"{name}={level}"
            cells.append(number(medians["estimate"].get(key, math.nan)) if level else "")
        for model in models:
            cells += _ratio_cells(found, model, level, ratio)
        body.append(("level" if level else "", cells))
    return body


def _ratio_cells(
    found: dict[tuple[str, str, str], dict[str, Any]], model: str, level: str, ratio: str
) -> list[str]:
    if (model, level, "reference") in found:
        return ["reference", ""]
    effect, p = found.get((model, level, ratio)), found.get((model, level, "p"))
    tested = p_text(p["estimate"]) if p else ""
    if effect is None:
        return ["", tested]
    return [interval(effect), tested if p else "–"]


def _per_unit(design: Design, name: str) -> str:
    unit = (design.columns.get(name) or {}).get("unit", "")
    return f" (per {unit.removesuffix('s')})" if unit else ""


def _methods(rows: pd.DataFrame, models: Sequence[str], ratio: str) -> list[str]:
    notes = []
    for model in models:
        at = rows[rows["model"] == model]
        methods = dict.fromkeys(at.loc[at["statistic"].isin([ratio, "p"]), "method"])
        notes.append(f"{model.capitalize()}: " + "; ".join(m for m in methods if m) + ".")
    return notes


def effects_table(
    rows: pd.DataFrame, design: Design, *, caption: str, statistics: dict[str, str]
) -> Html:
    """Any result rows as a plain list: what, estimate with interval, p, method.

    Parameters
    ----------
    statistics : dict of str to str
        The statistics to list and what to call each; p values stand beside
        the row that shares their keys.
    """
    keys = ["endpoint", "population", "group", "covariate", "level", "model", "time"]
    tests = {
        tuple("" if pd.isna(v) else v for v in (r[k] for k in keys)): r["estimate"]
        for r in rows[rows["statistic"] == "p"].to_dict("records")
    }
    body = []
    for row in rows[rows["statistic"].isin(statistics)].to_dict("records"):
        key = tuple("" if pd.isna(v) else v for v in (row[k] for k in keys))
        p = p_text(tests[key]) if key in tests else ""
        name = statistics[row["statistic"]]
        body.append(("", [_describe(row, design), name, interval(row), p, row["method"]]))
    return table(caption, ["", "Quantity", "Estimate (95 % CI)", "p", "Method"], body)


def _describe(row: dict[str, Any], design: Design) -> str:
    parts = [row["endpoint"]]
    if row["population"] != "all":
        parts.append(design.group_label(row["population"]))
    if row["group"] != "all":
        parts.append(design.group_label(row["group"]))
    if row["covariate"]:
        names = [design.label(name) for name in row["covariate"].split(":")]
        label = " × ".join(names)
        if row["level"]:
            label += f": {design.label(row['covariate'], row['level'])}"
        parts.append(label)
    return ", ".join(part for part in parts if part) or "All patients"


def notes(rows: pd.DataFrame) -> list[Html]:
    """The caveats that rows of a flow carry (criteria that could not be checked), a line each."""
    texts = [text for text in dict.fromkeys(rows["method"]) if "cannot" in text]
    return [say(text[0].upper() + text[1:]) for text in texts]


def endpoints_table(frames: Mapping[str, pd.DataFrame], design: Design) -> Html:
    """Each endpoint's rule, patients with a time, events, and what this cohort lacks."""
    body = []
    for name, spec in design.endpoints.items():
        frame = frames.get(name)
        size = ["–", "–"]
        if frame is not None:
            size = [number(len(frame), 0), number(frame["event"].sum(), 0)]
        body.append(("", [f"{spec['label']} ({name})", *size, spec["rule"]]))
    lines = ["An event is coded True. A dash: this cohort has no times for the endpoint."]
    header = ["Endpoint", "Patients", "Events", "Rule"]
    return table("Endpoints", header, body, lines, numeric=[1, 2])


def follow_up_table(parts: Sequence[pd.DataFrame], design: Design) -> Html:
    """Median follow-up with limits and range, by method and group."""
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(
        ["group", "statistic", "method", "estimate"]
    )
    ends = {(r["group"], r["statistic"]): r["estimate"] for r in rows.to_dict("records")}
    body = []
    for row in rows[rows["statistic"] == "median_follow_up"].to_dict("records"):
        span = [number(ends[row["group"], f"{end}_follow_up"]) for end in ("min", "max")]
        cells = [design.group_label(row["group"]), interval(row), "–".join(span), row["method"]]
        body.append(("", cells))
    header = ["", "Median, months (95 % CI)", "Range", "Method"]
    return table("Follow-up", header, body)


def within_table(parts: Sequence[pd.DataFrame], design: Design, *, caption: str) -> Html | None:
    """Survival and hazard ratio within strata, a line each; None without any."""
    if not parts:
        return None
    rows = pd.concat(parts, ignore_index=True)
    body = []
    for (endpoint, population), part in rows.groupby(["endpoint", "population"], sort=False):
        effect = part[part["statistic"] == "hazard_ratio"].iloc[0].to_dict()
        test = part[(part["statistic"] == "p") & (part["model"] == "univariable")]["estimate"]
        rates = part[part["statistic"] == "survival_rate"].to_dict("records")
        shown = [f"{design.group_label(r['group'])} {interval(r, 0)}" for r in rates]
        where = f"{endpoint}, {design.group_label(population)}"
        body.append(("", [where, "; ".join(shown), interval(effect), p_text(test.iloc[0])]))
    header = ["", "Rate at the printed time, % (95 % CI)", "HR (95 % CI)", "p"]
    return table(caption, header, body)


def ratios(
    rows: pd.DataFrame, statistic: str = "hazard_ratio", model: str = "multivariable"
) -> pd.DataFrame:
    """The ratio rows of one model (of the only model, if there is no such one)."""
    found = rows[rows["statistic"] == statistic]
    return found[found["model"] == model] if (found["model"] == model).any() else found


def model_covariates(rows: pd.DataFrame) -> list[str]:
    """Names of the covariates in the multivariable model of a regression table."""
    chosen = rows[(rows["model"] == "multivariable") & (rows["covariate"] != "")]
    return list(dict.fromkeys(chosen["covariate"]))


# ---- published beside computed ----------------------------------------------

_PLACES = {
    "title": "Title", "abstract": "Abstract", "methods": "Methods", "results": "Results",
    "table1": "Table 1", "table2": "Table 2", "table3": "Table 3", "legend": "Legends",
    "discussion": "Discussion", "conclusion": "Conclusion",
}  # fmt: skip
_FIELDS = {"conf_low": "lower limit", "conf_high": "upper limit"}


def claims_list(claims: pd.DataFrame, *, places: Sequence[str]) -> Html:
    """What the paper says, before anything is computed: claims of some places as a list."""
    chosen = claims[claims["place"].isin(places)]
    body = [("", [c["locator"], _printed(c), c["note"]]) for c in chosen.to_dict("records")]
    return table("What the paper claims", ["Where", "Printed", "Note"], body)


def tally_table(verdicts: pd.DataFrame) -> Html:
    """Verdicts counted by where the number is printed."""
    counts = tally(verdicts)
    body = [
        ("head" if place == "total" else "",
         [_PLACES.get(place, place.capitalize()), *[str(v) for v in row]])
        for place, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]  # fmt: skip
    header = ["Printed in", "Claims", *[v.capitalize() for v in VERDICTS]]
    notes = ["matches: rounds to the printed text. near: within one unit of its last digit; for a "
             "sentence, the same direction without significance. differs: further away. "
             "no result: this cohort cannot give it."]  # fmt: skip
    return table("Published beside computed", header, body, notes, numeric=[1, 2, 3, 4, 5])


def verdict_tables(verdicts: pd.DataFrame) -> Html:
    """Every claim beside its computed value, one folded table for each place of the paper."""
    pieces, plain = [], []
    for place, part in verdicts.groupby("place", sort=False):
        counts = ", ".join(f"{(part['verdict'] == v).sum()} {v}" for v in VERDICTS)
        name = _PLACES.get(str(place), str(place).capitalize())
        body = [("", _verdict_cells(claim)) for claim in part.to_dict("records")]
        header = ["Where", "Printed", "Computed", "Verdict", "Why, how, notes"]
        inner = table(f"{name}: published beside computed", header, body, numeric=[1, 2])
        pieces.append(
            f'<details class="table"><summary>{escape(name)}: {len(part)} claims '
            f"({counts})</summary>{inner.html}</details>"
        )
        plain.append(f"{name}: {len(part)} claims ({counts})")
    return Html("".join(pieces), "\n".join(plain))


def differences_table(verdicts: pd.DataFrame, *, most: int = 40) -> Html | None:
    """The claims that differ, with what was computed; None when there are none."""
    differing = verdicts[verdicts["verdict"] == "differs"]
    if differing.empty:
        return None
    body = [("", _verdict_cells(claim)) for claim in differing.head(most).to_dict("records")]
    rest = len(differing) - most
    notes = [f"and {rest} more, in the tables above"] if rest > 0 else []
    header = ["Where", "Printed", "Computed", "Verdict", "Why, how, notes"]
    return table("What differs", header, body, notes, numeric=[1, 2])


def _printed(claim: dict[str, Any]) -> str:
    text = claim["printed"]
    if claim["kind"] == "direction":
        return f"“{text}”"
    unit = claim["unit"]
    return f"{text} {unit}".strip()


def _verdict_cells(claim: dict[str, Any]) -> list[str]:
    where = claim["locator"]
    if claim["field"] in _FIELDS and "limit" not in where:
        where += f", {_FIELDS[claim['field']]}"
    audit = f"audit {claim['findings']}" if claim.get("findings") else ""
    told = (audit, claim["reason"], claim["method"], claim["note"])
    why = "; ".join(part for part in told if part)
    if claim["scanned"]:
        why += f"; our text reads {claim['scanned']}: {claim['mended_because']}"
    return [where, _printed(claim), _computed(claim), str(claim["verdict"]), why.strip("; ")]


def _computed(claim: dict[str, Any]) -> str:
    if claim["kind"] == "direction":
        p = f", p {_equals(p_text(claim['p']))}" if math.isfinite(claim["p"]) else ""
        return number(claim["computed"], 2) + p
    if claim["statistic"] == "p":
        return p_text(claim["computed"])
    return number(claim["computed"], int(claim["decimals"]))


def _equals(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"


def headline(verdicts: pd.DataFrame, kind: str) -> Html:
    """The verdict on a whole paper in one sentence.

    Parameters
    ----------
    kind : str
        What the cohort is (see `banner`): on other patients than the paper's a
        number need not match, and the sentence says so.
    """
    count = verdicts["verdict"].value_counts()
    answered = len(verdicts) - count["no result"]
    text = (
        f"Of {len(verdicts)} printed results, this cohort answers {answered}: {count['matches']} "
        f"match at printed precision, {count['near']} are within one printed unit, "
        f"{count['differs']} differ."
    )
    if kind != "reconstructed":
        text += " These are other patients than the paper's: see whether the effects agree."
    return Html(f"<p><strong>{escape(text)}</strong></p>", text)


# ---- the audit --------------------------------------------------------------


def findings_table(findings: pd.DataFrame, *, caption: str = "Findings") -> Html:
    """What the printed numbers say against each other, the gravest first."""
    body = []
    for finding in findings.to_dict("records"):
        trust = f"{finding['class']}, {finding['confidence']} confidence"
        cells = [finding["finding_id"], finding["title"], finding["detail"],
                 finding["repair"] or "–", trust]  # fmt: skip
        body.append(("", cells))
    header = ["", "What", "The arithmetic", "Smallest misprint that would explain it", "Class"]
    return table(caption, header, body)


def audit_pieces(checks: pd.DataFrame, findings: pd.DataFrame, implied: pd.DataFrame) -> list[Html]:
    """An audit in three pieces: how many checks, the findings, what is implied but unstated."""
    count = checks["verdict"].value_counts()
    told = say(
        f"{len(checks)} checks of the printed numbers against each other: "
        f"{count.get('consistent', 0)} consistent, {count.get('inconsistent', 0)} inconsistent, "
        f"{count.get('cannot tell', 0)} that cannot tell."
    )
    against = findings["verdict"] == "inconsistent"
    pieces = [told, findings_table(findings[against], caption="Numbers that contradict each other")]
    if (~against).any():
        pieces.append(findings_table(findings[~against], caption="What a reader should know"))
    body = [("", [row["quantity"], _where(row), _range(row), row["how"]])
            for row in implied.to_dict("records")]  # fmt: skip
    header = ["Quantity", "Of what", "Interval", "How"]
    inner = table("Implied but unstated", header, body)
    folded = (
        f'<details class="table"><summary>Implied but unstated: {len(body)} quantities</summary>'
        f"{inner.html}</details>"
    )
    return [*pieces, Html(folded, inner.text)]


def _where(row: dict[str, Any]) -> str:
    names = ("endpoint", "population", "group", "covariate", "level", "model")
    return ", ".join(str(row[name]) for name in names if row.get(name) not in ("", "all", None))


def _range(row: dict[str, Any]) -> str:
    high = f"{row['high']:.3g}" if math.isfinite(row["high"]) else "no bound"
    return f"{row['low']:.3g} to {high} {row['unit']}".strip()


def page(title_text: str, pieces: Iterable[Html]) -> str:
    """Pieces as one self-contained HTML page in the dress of a report."""
    dress = resources.files("crlm") / "templates" / "crlm_report" / "report.css"
    body = "\n".join(piece.html for piece in pieces)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title_text)}</title><style>{dress.read_text(encoding='utf-8')}</style>"
        f"</head><body><main><h1>{escape(title_text)}</h1>{body}</main></body></html>\n"
    )


def agreement_table(pairs: pd.DataFrame, design: Design) -> Html:
    """Effects of the paper and of this cohort side by side, from `agreement.agree`."""
    header = ["Effect", "Paper", "This cohort", "Events", "Ratio of the two", "Heterogeneity p",
              "Within prediction interval", "Sceptical p", "Power", "Reading"]  # fmt: skip
    body = []
    for pair in pairs.to_dict("records"):
        low, high = number(pair["prediction_low"]), number(pair["prediction_high"])
        body.append(("", [
            f"{_describe(pair, design)} ({pair['model']})", _three(pair, "printed"),
            _three(pair, "new"), number(pair["events"], 0), _three(pair, "ratio"),
            p_text(pair["heterogeneity_p"]),
            f"{'yes' if pair['predicted'] else 'no'} ({low}–{high})",
            number(pair["sceptical_p"], 3), f"{100 * pair['power']:.0f} %", pair["reading"],
        ]))  # fmt: skip
    lines = [
        "Prediction interval: where an estimate of this cohort's precision falls in 95 of 100 "
        "cases if both share one effect. Sceptical p (Held 2020), one-sided; below 0.025 is "
        "replication success. Power: the chance that a cohort of this precision finds the "
        "published effect at two-sided 5 %."
    ]
    return table("The paper's effects and this cohort's", header, body, lines, numeric=[3])


def _three(pair: dict[str, Any], name: str) -> str:
    low, high = number(pair[f"{name}_low"]), number(pair[f"{name}_high"])
    return f"{number(pair[name])} ({low}–{high})"
