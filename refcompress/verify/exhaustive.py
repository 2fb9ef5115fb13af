"""Every bit pattern of the first input of an elementwise operation, the other inputs fixed: a proof, not a sample."""

import contextlib
import hashlib
import importlib.machinery
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.verify import evidence, workers
from refcompress.verify.blocks import Found, Sweep, coarsened, evaluate, joined
from refcompress.verify.candidates import Candidate, from_callable
from refcompress.verify.check import as_counterexample
from refcompress.verify.child import in_child
from refcompress.verify.diagnosis import word
from refcompress.verify.operation import Operation, Settings
from refcompress.verify.operations import find_operation
from refcompress.verify.proof import Proof
from refcompress.verify.report import CaseCount, Report, distinct
from refcompress.verify.sweep_file import SweepFile
from refcompress.verify.sweep_plan import elementwise, planned
from refcompress.verify.workers import Limit, Results

MOST_INTERVALS = 1 << 20  # of a sweep; where there are more, each block keeps fewer
MOST_OF_BLOCK = 1 << 10

# opens what sweeps blocks, given the blocks and how long each may take
Opener = Callable[[Sequence[int], Limit], AbstractContextManager[Results]]


def prove(
    candidate: Callable[..., Any],
    operation: str | Operation,
    dtype: str,
    /,
    *,
    arrays: str = "numpy",
    jobs: int | None = None,
    resume: str | None = None,
    blocks: range | None = None,
    **inputs_and_settings: Any,
) -> Report:
    r"""Hold an implementation of an elementwise operation against the reference on every number of a dtype.

    The candidate is called from threads where two of them are well under twice as slow as one (it releases the
    interpreter's lock), which is measured; else in forks of this process. Blocks that differ under threads are swept
    again by one thread alone, so that a candidate that may not be called from several at once is not accused of it.

    Parameters
    ----------
    candidate : callable
        Called with the operation's inputs, by position.
    operation : str
        The name of an elementwise one: ``quantize``, ``dequantize``, ...
    dtype : str
        Of the first input: float16, bfloat16 or float32; int8, uint8, int16, uint16 or int32 where it holds integers.
    arrays : str
        numpy, torch or jax: what the candidate is given.
    jobs : int, optional
        Threads or processes; as many as there are cores by default.
    resume : str, optional
        A file that keeps what is done, to go on with after an interrupt.
    blocks : range, optional
        Numbers of the blocks of 2^22 bit patterns to sweep, without gaps; all by default.
    **inputs_and_settings
        The other inputs, all of them, and the convention to test against.

    Returns
    -------
    Report
        Its ``proof`` says for how many inputs it holds, or on which ones the candidate differs.

    Raises
    ------
    ValueError
        For an operation that is not elementwise, a dtype that cannot be swept, and missing, unknown or bad inputs.

    Examples
    --------
    >>> import numpy as np
    >>> def one_line(x, p):
    ...     return np.clip(np.round(np.ldexp(x, p).astype(np.float64)), -128, 127)
    >>> report = prove(one_line, "quantize", "bfloat16", p=4, bits=8)
    >>> print(*report.proof.lines(), sep="\n")
    proved for all 2^16 bfloat16 inputs (254 of them NaN, which quantize rejects and the candidate was not given)
    """
    op = elementwise(operation)
    names = {i.name for i in op.inputs[1:]}
    inputs = {name: value for name, value in inputs_and_settings.items() if name in names}
    settings = {name: value for name, value in inputs_and_settings.items() if name not in names}
    sweep = planned(op, dtype, inputs, settings, arrays)
    subject = from_callable(candidate, [i.name for i in op.inputs], arrays)
    count = _jobs(jobs)
    chosen = _chosen(sweep, blocks)
    with workers.silenced():
        middle = sum(sweep.places(chosen[len(chosen) // 2])) // 2
        threads = count == 1 or workers.runs_in_threads(subject, sweep, middle)
        kind = workers.Here if threads else workers.Forked

        def opener(todo: Sequence[int], limit: Limit) -> AbstractContextManager[Results]:
            return workers.crew(lambda: kind(subject, sweep), count, sweep, todo, limit)

        work = _Work(sweep, subject, opener, chosen, _source_of(candidate))
        return work.report(resume, alone=threads and count > 1)


def prove_named(
    spec: str,
    operation: str | Operation,
    dtype: str,
    inputs: Mapping[str, Any],
    settings: Settings,
    *,
    arrays: str = "numpy",
    jobs: int | None = None,
    timeout: float = 10.0,
    resume: str | None = None,
    scheduler: str | None = None,
    blocks: range | None = None,
) -> Report:
    """Do what ``prove`` does for a candidate named as ``module:function`` or ``file.py:function``.

    It is imported by processes of their own, one a core, or by the workers of a Dask cluster.

    Raises
    ------
    CandidateError
        If the candidate cannot be run at all.
    ValueError
        As ``prove``; and for a cluster that cannot be had.
    """
    op = elementwise(operation)
    sweep = planned(op, dtype, inputs, settings, arrays)
    names = [i.name for i in op.inputs]
    count = _jobs(jobs)
    if scheduler is not None:
        _cluster()

    def opener(todo: Sequence[int], limit: Limit) -> AbstractContextManager[Results]:
        if scheduler is not None:
            over: AbstractContextManager[Results] = _cluster().crew(
                scheduler, (spec, names, timeout), sweep, todo, limit
            )
            return over
        return workers.crew(lambda: workers.ByName(spec, names, timeout, sweep), count, sweep, todo, limit)

    with in_child(spec, names, arrays, timeout) as subject:
        work = _Work(sweep, subject, opener, _chosen(sweep, blocks), source_file(spec), timeout)
        return work.report(resume)


def _cluster() -> Any:
    """Import what talks to Dask, which few have."""
    try:
        from refcompress.verify import cluster
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("distributed", "dask"):
            raise
        raise ValueError('a scheduler needs the package distributed: pip install "refcompress[cluster]"') from None
    return cluster


def _jobs(jobs: int | None) -> int:
    if jobs is not None:
        return arguments.integer(jobs, "jobs", 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen(sweep: Sweep, blocks: range | None) -> range:
    every = sweep.blocks()
    if blocks is None:
        return every
    if len(blocks) == 0 or blocks.step != 1 or blocks[0] < 0 or blocks[-1] > every[-1]:
        raise ValueError(f"blocks is {blocks}: it must be a range without gaps within {every}")
    return blocks


def source_file(spec: str) -> Path | None:
    """Return the file that holds a named candidate, without importing it."""
    place = spec.rpartition(":")[0]
    if place.endswith(".py"):
        return Path(place)
    paths: Any = [str(Path.cwd()), *sys.path]
    for name in place.split("."):
        found: Any = None
        with contextlib.suppress(ImportError, ValueError):  # without the package's name: one not imported has no path
            found = importlib.machinery.PathFinder.find_spec(name, paths)
        if found is None:
            return None
        paths = found.submodule_search_locations or []
    return Path(found.origin) if found.origin else None


def _source_of(function: Any) -> Path | None:
    with contextlib.suppress(TypeError, OSError):
        path = inspect.getsourcefile(inspect.unwrap(function))
        return None if path is None else Path(path)
    return None


@dataclass(frozen=True)
class _Work:
    """A sweep, who sweeps it, and the candidate for the calls before and after."""

    sweep: Sweep
    subject: Candidate
    opener: Opener
    blocks: range
    source: Path | None
    timeout: float = 10.0

    def report(self, resume: str | None, *, alone: bool = False) -> Report:
        """Sweep what is not done, and say what was found."""
        file = None if resume is None else SweepFile(resume, self._identity())
        probe = evidence.probe(self.sweep, self.subject)
        if probe.hopeless is not None:
            why = str(probe.exchanges[0].problem)
            found = Found(accepted=1, silent=((probe.hopeless, probe.hopeless, why),))
            ends = (probe.hopeless, probe.hopeless)
            return self._report(found, ends, "the first call was not answered", probe.exchanges, [])
        done, given_up = self._done(file, Limit(self.timeout, probe.each))
        remarks = self._again(done) if alone else []
        last = max(done) if given_up else self.blocks[-1]
        found = joined((done[block] for block in self.blocks if block <= last), self.sweep)
        ends = self.sweep.places(self.blocks[0])[0], self.sweep.places(last)[1]
        return self._report(found, ends, given_up, probe.exchanges, remarks)

    def _identity(self) -> dict[str, Any]:
        from refcompress import __version__

        op, held = find_operation(self.sweep.operation), None
        if self.source is not None and self.source.is_file():
            held = hashlib.sha256(self.source.read_bytes()).hexdigest()
        return {
            "operation": op.name,
            "settings": {name: word(value) for name, value in self.sweep.settings.items()},
            "inputs": {i.name: repr(v) for i, v in zip(op.inputs[1:], self.sweep.fixed, strict=True)},
            "dtype": self.sweep.dtype,
            "arrays": self.sweep.arrays,
            "candidate": self.subject.name,
            "source": held,
            "refcompress": __version__,
            "numpy": np.__version__,
        }

    def _done(self, file: SweepFile | None, limit: Limit) -> tuple[dict[int, Found], str | None]:
        """Return what came of the blocks, and why there are not more of them; keep what is done in the file."""
        held = {} if file is None else file.done
        done = {b: f for b, f in held.items() if b in self.blocks}
        coarse = file is not None and file.coarse
        intervals = sum(len(f.intervals) for f in done.values())
        todo = [block for block in self.blocks if block not in done]
        try:
            with self._bar() as advance, self.opener(todo, limit) as results:
                advance(sum(_size(self.sweep, block) for block in done))
                for block, found in results if _last(done, self.blocks) is None else ():
                    intervals += len(found.intervals)
                    if intervals > MOST_INTERVALS and not coarse:
                        coarse = True
                        done = {b: coarsened(f, MOST_OF_BLOCK) for b, f in done.items()}
                    done[block] = coarsened(found, MOST_OF_BLOCK) if coarse else found
                    advance(_size(self.sweep, block))
                    if file is not None:
                        file.write({**held, **done}, coarse=coarse)
                    if _last(done, self.blocks) is not None:
                        break
        finally:
            if file is not None:
                file.write({**held, **done}, coarse=coarse, now=True)
        last = _last(done, self.blocks)
        if last is None or last == self.blocks[-1]:
            return done, None
        reason = f"{workers.MOST_LOST_BLOCKS} blocks of inputs cost a process or more each"
        return {block: found for block, found in done.items() if block <= last}, reason

    @contextlib.contextmanager
    def _bar(self) -> Iterator[Callable[[int], Any]]:
        from tqdm import tqdm  # type: ignore[import-untyped]  # it has no type hints

        total = sum(_size(self.sweep, block) for block in self.blocks)
        with tqdm(total=total, unit="", unit_scale=True, disable=None, file=sys.stderr, leave=False) as bar:
            yield bar.update

    def _again(self, done: dict[int, Found]) -> list[str]:
        """Sweep blocks that differ again, alone; if any of the first few comes out otherwise, all of them."""
        suspects = [block for block in sorted(done) if done[block].intervals or done[block].silent]
        alone = self._alone(suspects[:4])
        if all(_alike(alone[block], done[block]) for block in alone):
            return []
        done |= alone | self._alone(suspects[4:])
        return ["gives other answers when it is called from several threads at once; it was judged on one thread alone"]

    def _alone(self, blocks: Sequence[int]) -> dict[int, Found]:
        return {block: evaluate(self.subject, self.sweep, *self.sweep.places(block)) for block in blocks}

    def _report(
        self, found: Found, ends: tuple[int, int], given_up: str | None, calls: Sequence[Any], remarks: Sequence[str]
    ) -> Report:
        sweep, op = self.sweep, find_operation(self.sweep.operation)
        smallest = evidence.simplest(sweep, self.subject, found)
        if smallest is None:
            smallest = next((e for e in calls if e.fails), None)
            if smallest is not None:
                smallest = evidence.smaller(sweep, self.subject, smallest)
        elif not smallest.answer.given_up:
            calls = [*calls, smallest]
        proof = Proof(
            op.name, sweep.dtype, dict(zip([i.name for i in op.inputs[1:]], sweep.fixed, strict=True)), found, *ends
        )
        explanations: tuple[Any, ...] = ()
        if smallest is not None or not proof.right:
            judged = evidence.judge(sweep, self.subject, found, ends, calls)
            explanations, calls = judged.explanations, judged.exchanges
            proof = replace(proof, judged=(judged.differing, judged.agreeing))
        differs = smallest is not None or not proof.right
        return Report(
            operation=op.name,
            settings=dict(sweep.settings),
            candidate=self.subject.name,
            imports=self.subject.imports,
            arrays=sweep.arrays,
            verdict="differs" if differs else "agrees",
            examples=0,
            seed=0,
            cases=(CaseCount(f"every {sweep.dtype}", found.accepted, found.differing),),
            counterexample=None if smallest is None else as_counterexample(op, sweep.settings, smallest),
            diagnosis=explanations,
            remarks=distinct([*remarks, *(r for e in calls for r in e.answer.remarks)]),
            proof=replace(proof, given_up=given_up, misbehaved=differs),
        )


def _size(sweep: Sweep, block: int) -> int:
    first, last = sweep.places(block)
    return last - first + 1


def _alike(found: Found, kept: Found) -> bool:
    """Whether the same inputs are wrong or unanswered; of intervals that were too many, one may have been kept."""
    found = coarsened(found, len(kept.intervals))
    return (found.intervals, found.unanswered) == (kept.intervals, kept.unanswered)


def _last(done: Mapping[int, Found], blocks: range) -> int | None:
    """Return the block at which a sweep is given up, once all before it are done: the same whatever came first."""
    lost = sorted(block for block, found in done.items() if found.lost)
    if len(lost) < workers.MOST_LOST_BLOCKS:
        return None
    last = lost[workers.MOST_LOST_BLOCKS - 1]
    return last if all(block in done for block in range(blocks[0], last)) else None
