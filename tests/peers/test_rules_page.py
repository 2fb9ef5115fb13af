"""What the manual's page of rules says of a library is what it does, where the same release is installed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from refcompress.peers import PEERS
from refcompress.peers.compare import installed, investigate

MEASURED = Path(__file__).parents[2] / "notebooks" / "manual" / "peers.json"


def here():
    """What was measured to follow a rule, in the version that is installed here."""
    peers = {peer.name: peer for peer in PEERS}
    for found in json.loads(MEASURED.read_text(encoding="utf-8"))["peers"]:
        if found["reproduced"] and installed(found["package"]) == found["version"]:
            yield pytest.param(peers[found["name"]], found, id=found["name"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("peer", "found"), list(here()))
def test_a_library_still_follows_the_rule_that_the_page_says(peer, found):
    one_rule = replace(peer, settings=found["settings"], specification={}, probes=(), numbers=0)  # the directed cases
    finding = investigate(one_rule, found["version"])
    assert finding.reproduced
    assert finding.fault is None or finding.fault.name == found["fault"]
