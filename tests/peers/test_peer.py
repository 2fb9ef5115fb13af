"""The tables of peers."""

import pytest

from refcompress.peers import PEERS
from refcompress.verify.check import resolve
from refcompress.verify.operations import find_operation


def test_every_peer_has_a_name_of_its_own():
    assert len({peer.name for peer in PEERS}) == len(PEERS)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_fixes_settings_that_its_operation_has(peer):
    chosen = resolve(find_operation(peer.operation), {**peer.settings, **peer.specification})
    assert all(chosen[name] == value for name, value in peer.settings.items())
