"""Which settings of the reference reproduce the functions of other libraries, to the bit."""

from refcompress.peers import cast_peers, litert_peers, onnx_peers, practice_peers, torch_peers
from refcompress.peers.peer import Peer

PEERS: tuple[Peer, ...] = (
    *torch_peers.PEERS,
    *practice_peers.PEERS,
    *onnx_peers.PEERS,
    *cast_peers.PEERS,
    *litert_peers.PEERS,
)
