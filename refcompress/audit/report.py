"""What an audit says: a paragraph a tensor and a total line, or one JSON object.

The JSON form::

    {"original": path, "compressed": path, "verdict": "explained" | "not explained",
     "tensors": [{"name": str,
                  "verdict": "explained" | "not explained" | "missing" | "added" | "another shape" | "unread",
                  "original": null | {"shape": [int] | null, "dtype": str,
                                       "form": "dense" | "sparse" | "huffman" | "masked"},
                  "compressed": the same,
                  "statement": str,            the rule in words
                  "rule": null | str, "settings": {name: value},
                  "selection": null | {"words": str, "k" or "n": int, ...},
                  "explained": int, "of": int,
                  "unexplained": null | {"index": [int], "original": number, "expected": number, "found": number},
                  "also": [{"rule": str, "settings": {name: value}} and {"selection": {...}}],
                  "remarks": [str]}],
     "total": {"tensors": int, "explained": int, "entries": int, "entries_explained": int}}

"missing" is a tensor that the original alone has, "added" one that the compressed file alone has. An infinity or a NaN
is written as a string, so that any JSON parser reads the object.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from refcompress.audit.comparison import Finding
from refcompress.audit.rules import TO_NEAREST, Candidate
from refcompress.audit.search import Explanation, Unexplained
from refcompress.audit.selections import Selection

# the settings that say how a rule rounds; the others are its numbers
WORDS = frozenset({"rounding", "scaling", "zero_point_added", "overflow", "narrow_range"})

NOT_COMPARED = {
    "missing": "missing: only the original has it",
    "added": "added: only the compressed file has it",
    "another shape": "another shape: nothing was compared",
    "unread": "a dtype that is not read here: nothing was compared",
}


def heading(finding: Finding) -> str:
    """Return the name, the shape, the dtypes, and how it is stored where that is not as it stands."""
    shapes = [str(shape) for shape in finding.shapes if shape is not None]
    dtypes = [dtype for dtype in finding.dtypes if dtype is not None]
    forms = [form for form in finding.forms if form is not None]
    shape = _arrow(shapes)
    return f"{finding.name}  {shape} {_arrow(dtypes)}" + (f" ({_arrow(forms)})" if set(forms) != {"dense"} else "")


def _arrow(words: Sequence[str]) -> str:
    return " -> ".join(dict.fromkeys(words))


def paragraph(finding: Finding) -> str:
    """Return what is said of a tensor."""
    return "\n".join([heading(finding), *(f"  {line}" for line in (statement(finding), *remarks(finding)))])


def statement(finding: Finding) -> str:
    """Return the verdict and the rule, in one line."""
    if finding.verdict in NOT_COMPARED:
        return NOT_COMPARED[finding.verdict]
    found = finding.explanation
    if found is None or found.explained == 0 < found.of:
        return f"not explained: no rule gives any of the {_entries(finding.of)}"
    words = rule_words(found)
    if found.whole:
        return f"{words}; this explains all {_entries(found.of)}"
    if found.candidate.contradicts and found.explained == found.of:
        return f"not explained: {words}, but {found.candidate.contradicts}"
    return f"not explained; nearest: {words}; this explains {found.explained:,} of {_entries(found.of)} (partial)"


def rule_words(found: Explanation) -> str:
    """Return the rule, its settings, and the selection."""
    words = candidate_words(found.candidate)
    if found.selection is not None:
        words = f"{selection_words(found.selection)}; kept entries {words}"
    if found.unselected:
        words = f"{words}; {_entries(found.unselected)} became 0 by no selection known here"
    return words


def candidate_words(candidate: Candidate) -> str:
    """Return a rule and its settings.

    Examples
    --------
    >>> candidate_words(Candidate("fixed point", {"p": 7, "rounding": "floor"}, lambda x, where: x, (0,)))
    'fixed point: p=7 rounding=floor'
    """
    note = f" ({candidate.note})" if candidate.note else ""
    settings = settings_words(candidate.settings)
    return f"{candidate.rule}: {settings}{note}" if settings else f"{candidate.rule}{note}"


def settings_words(settings: Any) -> str:
    """Return settings as NAME=VALUE."""
    return " ".join(f"{name}={_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.9g}"
    return f'"{value}"' if isinstance(value, str) and " " in value else str(value)


def selection_words(selection: Selection) -> str:
    """Return a selection and how sparse it is."""
    return f"pruned {selection.words} ({', '.join([f'sparsity {selection.sparsity:.6g}', *selection.notes])})"


def remarks(finding: Finding) -> list[str]:
    """Return what else is to be said of a tensor."""
    found, lines = finding.explanation, []
    if found is not None and found.explained:
        if found.also:
            lines.append(f"also explained by {alternatives(found.candidate, found.also)}")
        lines += [f"also explained as {selection_words(selection)}" for selection in found.also_selections]
        if found.negative_zeros:
            lines.append(f"{found.negative_zeros:,} of the dropped are -0.0, where the reference has +0")
    if found is not None and found.first is not None and found.explained:
        lines.append(first_words(found.first))
    if finding.says:
        lines.append(f"the file says {finding.says}")
    if finding.companions:
        lines.append(f"read with it: {', '.join(finding.companions)}")
    return lines


def alternatives(chosen: Candidate, also: Sequence[Candidate]) -> str:
    """Return the rules that explain as much as the chosen one, by what they differ in."""
    near = [c for c in also if c.rule == chosen.rule and _same_parameters(c, chosen)]
    words = []
    for name in dict.fromkeys(name for c in near for name in c.settings):
        values = dict.fromkeys(c.settings[name] for c in near if name in c.settings)
        others = [value for value in values if value != chosen.settings.get(name)]
        words += [f"{name}={'|'.join(_value(value) for value in others)}"] if others else []
    rest = [c for c in also if c not in near]
    rules = dict.fromkeys(settings_words_of_rule(c) for c in rest)
    words += list(rules)[:3] + ([f"{len(rules) - 3} others"] if len(rules) > 3 else [])
    return f"{', '.join(words)}: {_why(chosen, also)}"


def _same_parameters(first: Candidate, second: Candidate) -> bool:
    """Whether two candidates differ in words alone: their numbers are the same."""
    return all(first.settings.get(n) == second.settings.get(n) for n in {*first.settings, *second.settings} - WORDS)


def settings_words_of_rule(candidate: Candidate) -> str:
    """Return a rule with its numbers, without the words that say how it rounds."""
    kept = {name: value for name, value in candidate.settings.items() if name not in WORDS}
    return f"{candidate.rule} {settings_words(kept)}".strip()


def _why(chosen: Candidate, also: Sequence[Candidate]) -> str:
    """Say why nothing tells them apart."""
    changed = {n for c in also for n in {*c.settings, *chosen.settings} if c.settings.get(n) != chosen.settings.get(n)}
    words = {c.settings.get("rounding") for c in (*also, chosen)}
    halves = words == TO_NEAREST
    return "no tie in the data" if changed == {"rounding"} and halves else "no entry tells them apart"


def first_words(first: Unexplained) -> str:
    """Return the first entry that is not explained."""
    place = f"[{', '.join(str(i) for i in first.index)}]"
    return (
        f"first not explained: {place}: original {first.original}, the rule gives {first.expected}, found {first.found}"
    )


def _entries(count: int) -> str:
    return f"{count:,} entr{'y' if count == 1 else 'ies'}"


def total(findings: Sequence[Finding]) -> str:
    """Return the total line."""
    right = sum(f.verdict == "explained" for f in findings)
    others = {v: sum(f.verdict == v for f in findings) for v in ("not explained", *NOT_COMPARED)}
    parts = [f"{right:,} explained", *(f"{count:,} {verdict}" for verdict, count in others.items() if count)]
    return (
        f"{len(findings):,} tensor{'s' if len(findings) != 1 else ''}: {', '.join(parts)}; "
        f"{sum(f.explained for f in findings):,} of {_entries(sum(f.of for f in findings))} explained"
    )


def everything_explained(findings: Iterable[Finding]) -> bool:
    """Whether every tensor of both files is explained."""
    return all(f.verdict == "explained" for f in findings)


def as_json(original: str, compressed: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the report as what ``json.dumps`` takes: see the head of this module."""
    return {
        "original": original,
        "compressed": compressed,
        "verdict": "explained" if everything_explained(findings) else "not explained",
        "tensors": [_finding_json(finding) for finding in findings],
        "total": {
            "tensors": len(findings),
            "explained": sum(f.verdict == "explained" for f in findings),
            "entries": sum(f.of for f in findings),
            "entries_explained": sum(f.explained for f in findings),
        },
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    found = finding.explanation
    sides = [
        None if dtype is None else {"shape": None if shape is None else list(shape), "dtype": dtype, "form": form}
        for shape, dtype, form in zip(finding.shapes, finding.dtypes, finding.forms, strict=True)
    ]
    also: list[dict[str, Any]] = []
    if found is not None:
        also += [{"rule": c.rule, "settings": _plain(c.settings)} for c in found.also]
        also += [{"selection": _selection_json(s)} for s in found.also_selections]
    return {
        "name": finding.name,
        "verdict": finding.verdict,
        "original": sides[0],
        "compressed": sides[1],
        "statement": statement(finding),
        "rule": found.candidate.rule if found else None,
        "settings": _plain(found.candidate.settings) if found else {},
        "selection": _selection_json(found.selection) if found and found.selection else None,
        "explained": finding.explained,
        "of": finding.of,
        "unexplained": _first_json(found.first) if found and found.first else None,
        "also": also,
        "remarks": remarks(finding),
    }


def _selection_json(selection: Selection) -> dict[str, Any]:
    return {"words": selection_words(selection), **_plain(selection.settings), "sparsity": selection.sparsity}


def _first_json(first: Unexplained) -> dict[str, Any]:
    values = {"original": first.original, "expected": first.expected, "found": first.found}
    return {"index": list(first.index), **_plain(values)}


def _plain(settings: Any) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in settings.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, complex):
        return str(value)
    if hasattr(value, "dtype"):  # a NumPy scalar, those of ml_dtypes included
        value = value.item() if value.dtype.kind in "biuf" else float(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
