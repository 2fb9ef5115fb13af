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
    findings = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's own, of what it is going to drop
        for peer, version in tqdm(present, unit="peer", leave=False, disable=not sys.stderr.isatty()):
            findings.append(investigate(peer, version))
    missing = [package for package, version in versions.items() if version is None]
    if options.json:
        write(json.dumps({"peers": [_as_json(f) for f in findings], "not_installed": missing}, indent=2))
    else:
        write("\n".join(_lines(findings, missing)))
    return 0


def _lines(findings: "list[Finding]", missing: list[str]) -> Iterator[str]:
    package = None
    for finding in findings:
        if finding.peer.package != package:
            package = finding.peer.package
            yield f"{package} {finding.version}"
        yield f"  {finding.peer.name}: {said(finding)}"
        yield from (f"      {line}" for line in _departure(finding))
    yield from (f"{package}: not installed (pip install {package})" for package in missing)


def said(finding: "Finding") -> str:
    """Say in one line what a peer computes: its operation, the settings that give it, and its answers to the probes."""
    from refcompress.verify.diagnosis import word
    from refcompress.verify.operations import find_operation

    op = find_operation(finding.peer.operation)
    kept = [s for s in op.settings if s.rival and s.name in finding.settings]
    rule = ", ".join(
        str(finding.settings[s.name])
        if isinstance(finding.settings[s.name], str)
        else f"{s.name}={word(finding.settings[s.name])}"
        for s in kept
    )
    how = "" if finding.reproduced else f"no rule; the nearest, wrong on {finding.wrong:,} of {finding.elements:,}: "
    aside = (
        f" ({finding.silent:,} of {finding.elements:,} numbers aside, which that rule refuses)"
        if finding.silent
        else ""
    )
    probes = "".join(f"; {name} -> {answer}" for name, answer in finding.probes)
    return f"{op.name}: {how}{rule}{aside}{probes}"


def _departure(finding: "Finding") -> Iterator[str]:
    """Say where a peer leaves its own specification, or every rule, with the smallest input."""
    if finding.report is None or finding.report.counterexample is None:
        return
    found = finding.report.counterexample
    given = ", ".join(f"{name} = {_short(value)}" for name, value in found.inputs.items())
    against = "its specification" if finding.peer.specification else "that rule"
    yield f"departs from {against} at {given}: {_short(found.actual)}, where {_short(found.expected)} is due"
    if finding.report.diagnosis:
        yield f"it {finding.report.diagnosis[0].statement}"


def _short(value: Any) -> str:
    return str(value.tolist() if hasattr(value, "tolist") else value)


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {
        "name": finding.peer.name,
        "package": finding.peer.package,
        "version": finding.version,
        "operation": finding.peer.operation,
        "settings": dict(finding.settings),
        "reproduced": finding.reproduced,
        "elements": finding.elements,
        "wrong": finding.wrong,
        "refused_by_the_rule": finding.silent,
        "refused_calls": finding.refused,
        "equivalent_settings": finding.equivalent,
        "probes": dict(finding.probes),
        "departure": list(_departure(finding)),
    }
