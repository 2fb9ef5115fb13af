"""The blocks of a sweep on a Dask cluster: Dask says who sweeps which block, and when one is to be swept again.

The workers, and the scheduler, need this package in the same version. A candidate in a file travels as its text, under
a name of its own for each sweep, so that no worker goes on with an earlier version of it; one that is named as
``module:function`` must be importable on the workers, and so must whatever a candidate imports. On a worker, the
candidate runs in processes of its own, as it does here: one that crashes or hangs does not cost the worker.
"""

import contextlib
import functools
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from distributed import Client, KilledWorker, WorkerPlugin, as_completed, get_worker

from refcompress import __version__
from refcompress.verify.blocks import Found, Sweep
from refcompress.verify.workers import ByName, Limit, Results, swept

CONNECTING = 10.0  # seconds for a scheduler to answer
MOST_LOST_WORKERS = 20  # that a block may cost; after its own number of them, Dask gives a block back
Order = tuple[str, Sequence[str], float]
"""The name of a candidate, the names of its inputs, and the seconds for a call."""


class _Sweeper(WorkerPlugin):  # type: ignore[misc]
    """What a worker of the cluster needs to sweep blocks, from when it joins to when the sweep is over."""

    def __init__(self, order: Order, sweep: Sweep, limit: Limit) -> None:
        (spec, self.names, self.timeout), self.sweep, self.limit = order, sweep, limit
        self.version = __version__
        place, _, self.function = spec.rpartition(":")
        self.place, self.text = place, Path(place).read_bytes() if place.endswith(".py") else None

    def setup(self, worker: Any) -> None:
        """Write the candidate's file, if it is one."""
        if self.version != __version__:
            raise ValueError(f"worker {worker.address} has refcompress {__version__}, and {self.version} is needed")
        self.own, self.ends = threading.local(), contextlib.ExitStack()
        if self.text is not None:
            folder = self.ends.enter_context(tempfile.TemporaryDirectory(prefix="refcompress-"))
            self.place = str(Path(folder) / Path(self.place).name)
            Path(self.place).write_bytes(self.text)

    def teardown(self, worker: Any) -> None:
        """End the processes of the candidate, and remove its file."""
        self.ends.close()

    def found(self, block: int) -> Found:
        """Sweep a block, in the process that belongs to this thread of the worker."""
        if not hasattr(self.own, "process"):
            self.own.process = ByName(f"{self.place}:{self.function}", self.names, self.timeout, self.sweep)
            self.ends.callback(self.own.process.kill)
        return swept(self.own.process, self.sweep, block, self.limit)


def _sweep(name: str, block: int) -> Found:
    sweeper: _Sweeper = get_worker().plugins[name]
    return sweeper.found(block)


@contextlib.contextmanager
def crew(address: str, order: Order, sweep: Sweep, blocks: Sequence[int], limit: Limit) -> Iterator[Results]:
    """Have a cluster sweep blocks; give what comes of them, as it comes, and leave nothing behind at the end.

    Raises
    ------
    ValueError
        If no scheduler answers, it has no workers, or they cannot sweep.
    """
    with _connected(address) as client:
        name = f"refcompress-{uuid.uuid4().hex}"
        futures: list[Any] = []
        try:
            client.register_plugin(_Sweeper(order, sweep, limit), name=name)
        except Exception as error:  # whatever a worker raises comes here
            raise ValueError(f"the workers of {address} cannot sweep: {type(error).__name__}: {error}") from None
        try:
            yield _results(client, name, blocks, futures)
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone
                client.cancel(futures)
                client.unregister_worker_plugin(name)


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        client = Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"no Dask scheduler answers at {address}: {text}") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise ValueError(f"the Dask scheduler at {address} has no workers")
        yield client


def _results(client: Any, name: str, blocks: Sequence[int], futures: list[Any]) -> Results:
    """Give what comes of the blocks. One whose workers were lost too often for Dask's taste is submitted again."""
    submit = functools.partial(client.submit, _sweep, name, pure=False)  # under a new key each time
    numbers = {}
    for block in blocks:
        future = submit(block)
        numbers[future.key] = (block, 0)
        futures.append(future)
    completed = as_completed(futures, loop=client.loop)
    for future in completed:
        block, times = numbers.pop(future.key)
        try:
            found = future.result()
        except KilledWorker as error:
            if times == MOST_LOST_WORKERS:
                raise ValueError(f"block {block} of the sweep cannot be had: {error}") from None
            again = submit(block)
            numbers[again.key] = (block, times + 1)
            futures.append(again)
            completed.add(again)
            continue
        yield block, found
        future.release()
