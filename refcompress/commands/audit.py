"""``refcompress audit``: which rule made each tensor of a compressed file out of the original's."""

import argparse
import json
import sys

from refcompress.commands.terminal import write

SUMMARY = "say of each tensor of a compressed file which rule made it out of the original's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("original", metavar="ORIGINAL.safetensors", help="the model before compression")
    parser.add_argument("compressed", metavar="COMPRESSED.safetensors", help="the model after it")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Audit, and print the report; the exit status is 0 if everything is explained, 1 if not."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # it has no type hints

    from refcompress.audit.comparison import audit
    from refcompress.audit.report import as_json, everything_explained, paragraph, total

    findings = []
    with tqdm(audit(options.original, options.compressed), unit=" tensors", leave=False, disable=None) as progress:
        for finding in progress:
            findings.append(finding)
            if not options.json:
                with progress.external_write_mode(file=sys.stdout):
                    write(paragraph(finding))
    if options.json:
        write(json.dumps(as_json(options.original, options.compressed, findings), indent=2))
    else:
        write(total(findings))
    return 0 if everything_explained(findings) else 1
