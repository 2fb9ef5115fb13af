"""``refcompress peers``: which settings reproduce the functions of other libraries, to the bit."""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from refcompress.commands.terminal import write

if TYPE_CHECKING:
    from refcompress.peers.compare import Finding

SUMMARY = "which settings reproduce the functions of installed libraries (PyTorch, ONNX Runtime, JAX, ...) to the bit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="only peers whose name contains one of these")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(options: argparse.Namespace) -> int:
    """Ask the peers that are installed, and print a table."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    from refcompress.peers import PEERS
    from refcompress.peers.compare import installed, investigate

    chosen = [p for p in PEERS if not options.names or any(name in p.name for name in options.names)]
    if not chosen:
        raise ValueError(
            f"no peer is called {' or '.join(options.names)}: there are {', '.join(p.name for p in PEERS)}"
        )
    versions = {p.package: installed(p.package) for p in chosen}
    present = [(p, version) for p in chosen if (version := versions[p.package]) is not None]
    missing = [package for package, version in versions.items() if version is None]
    findings = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's own, of what it is going to drop
        with tqdm(present, unit="peer", leave=False, disable=not sys.stderr.isatty()) as bar:
            for peer, version in bar:
                findings.append(investigate(peer, version))
                if not options.json:
                    bar.clear()
                    write("\n".join(_lines(findings[-2:])))
    if options.json:
        write(json.dumps({"peers": [_as_json(f) for f in findings], "not_installed": missing}, indent=2))
    elif missing:
        write("\n".join(f"{package}: not installed (pip install {package})" for package in missing))
    return 0


def _lines(findings: "list[Finding]") -> Iterator[str]:
    """Say what the last peer computes, below the name of its package where that is another than before."""
    *before, finding = findings
    if not before or before[-1].peer.package != finding.peer.package:
        yield f"{finding.peer.package} {finding.version}"
    yield f"  {finding.peer.name}: {said(finding)}"
    yield from (f"      {line}" for line in _departure(finding))


def said(finding: "Finding") -> str:
    """Say in one line what a peer computes: its operation, the rule that gives it, and its answers to the probes."""
    rule = _rule(finding) or "the formula"
    if not finding.elements:
        how = "it answers nothing that was asked"
    elif not finding.reproduced:
        how = f"no rule gives it all; {rule} comes nearest: wrong on {finding.wrong:,} of {finding.elements:,}"
    elif finding.fault is not None:
        how = f"{rule}, but it {finding.fault.statement}"
    else:
        how = rule
    probes = "".join(f"; {name} -> {answer}" for name, answer in finding.probes)
    return f"{finding.peer.operation}: {how}{probes}{_aside(finding)}"


def _rule(finding: "Finding") -> str:
    """Name the settings that the peer's own arguments leave open; flags that are off go without saying."""
    from refcompress.verify.diagnosis import word
    from refcompress.verify.operations import find_operation

    names = [s.name for s in find_operation(finding.peer.operation).settings if s.rival]
    chosen = {name: finding.settings[name] for name in names if name not in finding.peer.settings}
    return ", ".join(
        value if isinstance(value, str) else f"{name}={word(value)}"
        for name, value in chosen.items()
        if value is not False and value is not None
    )


def _aside(finding: "Finding") -> str:
    """Say what the comparison leaves out."""
    notes = []
    if finding.silent:
        notes.append(f"{finding.silent:,} of {finding.elements:,} numbers aside, which that rule refuses")
    if finding.refused and finding.elements:
        notes.append(f"it raises on {finding.refused:,} calls")
    return f" ({'; '.join(notes)})" if notes else ""


def _departure(finding: "Finding") -> Iterator[str]:
    """Say where a peer leaves its own specification, or every rule, with the smallest input."""
    if finding.report is None or finding.report.counterexample is None:
        return
    found = finding.report.counterexample
    given = ", ".join(f"{name} = {_short(value)}" for name, value in found.inputs.items())
    against = "its specification" if finding.peer.specification else "that rule"
    yield f"departs from {against} at {given}: {_short(found.actual)}, where {_short(found.expected)} is due"
    if finding.report.diagnosis and finding.fault is None:
        yield f"it {finding.report.diagnosis[0].statement}"


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(_short(item) for item in value)})"
    return str(value.tolist() if hasattr(value, "tolist") else value)


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {
        "name": finding.peer.name,
        "package": finding.peer.package,
        "version": finding.version,
        "operation": finding.peer.operation,
        "settings": dict(finding.settings),
        "fault": None if finding.fault is None else finding.fault.name,
        "statement": said(finding),
        "reproduced": finding.reproduced,
        "elements": finding.elements,
        "wrong": finding.wrong,
        "refused_by_the_rule": finding.silent,
        "refused_calls": finding.refused,
        "equivalent_settings": finding.equivalent,
        "probes": dict(finding.probes),
        "departure": list(_departure(finding)),
    }
