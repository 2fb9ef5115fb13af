"""What the README says of other libraries is what the command prints, where the same release is installed."""

import re
from pathlib import Path

import pytest

from refcompress.cli import main
from refcompress.peers import PEERS
from refcompress.peers.compare import installed

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCK = re.search(r"<!-- PEERS -->\n```text\n(.*?)```", README, re.DOTALL)[1]
RELEASES = re.split(r"^(?=\S)", BLOCK, flags=re.MULTILINE)[1:]
SAID = {text.splitlines()[0]: text.splitlines()[1:] for text in RELEASES}
NAMES = {peer.name: peer.package for peer in PEERS}


def entries(lines):
    """A peer's line with those that are indented below it, by the peer's name."""
    joined = re.split(r"^(?=  \S)", "\n".join(lines), flags=re.MULTILINE)
    return {name: text.rstrip("\n") for text in joined for name in NAMES if text.startswith(f"  {name}: ")}


def without_last_bits(text):
    """Exponentials and logarithms end in bits that depend on the processor: what is longer is compared to 12 digits."""
    return re.sub(r"\d+\.\d{9,}", lambda number: f"{float(number[0]):.12g}", text)


def test_the_readme_quotes_peers_of_every_package():
    quoted = {NAMES[name] for lines in SAID.values() for name in entries(lines)}
    assert quoted == set(NAMES.values())


@pytest.mark.parametrize("release", SAID)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_lines_of_an_installed_release_are_those_that_are_printed(release, capsys):
    package, version = release.split()
    told = entries(SAID[release]) if installed(package) == version else {}
    for name, text in told.items():
        assert main(["peers", name]) == 0
        printed = entries(capsys.readouterr().out.splitlines())[name]
        assert without_last_bits(printed) == without_last_bits(text)
