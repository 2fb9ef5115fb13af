import json

from refcompress.cli import main
from refcompress.peers import PEERS
from refcompress.peers.compare import installed


def test_a_peer_is_told_in_one_line(capsys):
    assert main(["peers", "ml_dtypes.float8_e4m3fn"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ml_dtypes {installed('ml_dtypes')}"
    assert lines[1] == "  ml_dtypes.float8_e4m3fn: cast_float8: ieee, half_even"


def test_json_has_all_that_was_found(capsys):
    assert main(["peers", "--json", "ml_dtypes.float8_e5m2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["not_installed"] == []
    peer = found["peers"][0]
    assert peer["settings"]["format"] == "e5m2"
    assert (peer["reproduced"], peer["wrong"]) == (True, 0)
    assert peer["elements"] >= 100_000


def test_what_is_not_installed_is_said(capsys, monkeypatch):
    monkeypatch.setattr("refcompress.peers.compare.installed", lambda package: None)
    assert main(["peers"]) == 0
    packages = dict.fromkeys(peer.package for peer in PEERS)
    assert capsys.readouterr().out.splitlines() == [f"{p}: not installed (pip install {p})" for p in packages]


def test_an_unknown_peer_is_one_line_with_the_list(capsys):
    assert main(["peers", "caffe"]) == 2
    text = capsys.readouterr().err
    assert text.startswith("refcompress: no peer is called caffe: there are torch.quantize_per_tensor (qint8), ")
    assert len(text.splitlines()) == 1
