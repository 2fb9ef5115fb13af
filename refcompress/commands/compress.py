"""``refcompress compress``: teacher, student, prune, quantize on real data; a table, files, pictures."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from refcompress.commands.table import table
from refcompress.commands.terminal import tell

if TYPE_CHECKING:
    from refcompress.compression import Compression, Plan, Stage
    from refcompress.datasets import Dataset
    from refcompress.methods.comparison import Row
    from refcompress.quantization_aware import Comparison

FOOT = """\
Accuracy on unseen rows: mean ± standard deviation over the seeds {first} to {last}. Bytes: of the arrays, without a
file's header, the most over the seeds. Difference: from the first method of the part, seed by seed. A method helps or
harms where the mean difference is beyond what Student's t test leaves to chance (5 %, both sides); all others do not
help. Of twenty that change nothing, one is expected to be called one or the other."""

SUMMARY = "distil, prune and quantize a model on real data, and report what each step costs and saves"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--data", metavar="FILE", help="your own data: .npz with X and y, or .csv with a label column")
    parser.add_argument("--label", metavar="COLUMN", help="the label column of a .csv, by name; the last by default")
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of a .csv holds names; needed only where it could be either",
    )
    parser.add_argument("--teacher", metavar="N", type=int, nargs="+", help="widths of the teacher's hidden layers")
    parser.add_argument("--student", metavar="N", type=int, nargs="+", help="widths of the student's hidden layers")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--sparsity", type=float, help="share of the weights to prune, 0 to 1 (default 0.8)")
    amount.add_argument("--k", type=int, help="how many weights to keep, in all matrices together")
    amount.add_argument("--structure", metavar="N:M", help="keep n of every m inputs of each output (2:4, say)")
    parser.add_argument("--scores", metavar="SCORE", help="magnitude (default), gradient, damage, wanda or random")
    parser.add_argument("--scope", metavar="SCOPE", help="compare weights of the whole model (default), tensor, output")
    parser.add_argument("--schedule", metavar="NAME", help="prune by cubic (default) or linear steps, or one_shot")
    parser.add_argument("--bits", type=int, help="width of a parameter's code (default 8)")
    parser.add_argument("--p", type=int, help="fraction bits of every parameter (default: the most that saturate none)")
    parser.add_argument("--activation-bits", type=int, help="width of an activation's code (default 8)")
    parser.add_argument(
        "--huffman", action="store_true", help="store the codes by Huffman's code as well: at most 8 bits, a row more"
    )
    parser.add_argument("--distillation", metavar="LOSS", help="compare outputs by mse (default) or kl")
    parser.add_argument("--temperature", metavar="T", type=float, help="of the softened outputs, for kl (default 4)")
    parser.add_argument("--label-weight", type=float, help="share of the labels' loss in the student's (default 0)")
    parser.add_argument("--start-from-teacher", action="store_true", help="begin with the teacher's top-k neurons")
    parser.add_argument("--seed", type=int, help="of the split, the weights and the batches (default 0)")
    parser.add_argument("--out", metavar="DIR", help="write the models, report.json and, with matplotlib, a picture")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--quantization-aware",
        action="store_true",
        help="also train students of the same size with quantized weights, and compare that with quantizing afterwards",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="in place of all this, compare methods at equal bytes over five seeds: what helps, and what does not",
    )


def plan_of(options: argparse.Namespace) -> "Plan":
    """Return the plan that the options describe."""
    from refcompress import arguments
    from refcompress.compression import MOST_BITS, Plan
    from refcompress.distillation.objectives import LOSSES

    chosen = {
        "teacher_hidden": None if options.teacher is None else tuple(options.teacher),
        "student_hidden": None if options.student is None else tuple(options.student),
        "sparsity": options.sparsity,
        "k": options.k,
        "bits": options.bits,
        "p": options.p,
        "activation_bits": options.activation_bits,
        "label_weight": options.label_weight,
        "start_from_teacher": options.start_from_teacher,
        "distillation": options.distillation,
        "temperature": options.temperature,
        "scores": options.scores,
        "scope": options.scope,
        "schedule": options.schedule,
        "structure": None if options.structure is None else _structure(options.structure),
        "huffman": options.huffman,
        "seed": options.seed,
    }
    plan = Plan(**{name: value for name, value in chosen.items() if value is not None})
    for name in ("teacher_hidden", "student_hidden"):
        for width in getattr(plan, name):
            arguments.integer(width, name.removesuffix("_hidden"), 1)  # as the option is called
    arguments.real_number(plan.sparsity, "sparsity", 0.0, 1.0)
    arguments.real_number(plan.label_weight, "label_weight", 0.0, 1.0)
    arguments.integer(plan.bits, "bits", 2, 32)
    if plan.huffman and plan.bits > MOST_BITS:
        raise ValueError(f"bits is {plan.bits}: --huffman is for codes of at most {MOST_BITS} bits")
    arguments.integer(plan.activation_bits, "activation_bits", 2, 32)
    arguments.integer(plan.seed, "seed", 0)
    arguments.choice(plan.distillation, "distillation", LOSSES)
    arguments.real_number(plan.temperature, "temperature", 0.0, exclusive=True)
    if options.temperature is not None and plan.distillation != "kl":
        raise ValueError(f"distillation is {plan.distillation}: a temperature belongs to kl")
    if options.scope is not None and plan.structure is not None:
        raise ValueError("scope and structure exclude each other: n of m are chosen from every m inputs")
    plan.pruning  # noqa: B018 - its settings are checked as it is made
    if plan.k is not None:
        arguments.integer(plan.k, "k", 0)
    return plan


def _structure(text: str) -> tuple[int, int]:
    n, colon, m = text.partition(":")
    if not (colon and n.isdecimal() and m.isdecimal()):
        raise ValueError(f"structure is {text!r}: it must be n:m, as in 2:4")
    return int(n), int(m)


def one_thread_each() -> None:
    """Keep BLAS from splitting small matrices over threads that wait for each other, for the rest of the process."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # threadpoolctl has no type hints

    threadpool_limits(1, user_api="blas")


def run(options: argparse.Namespace) -> int:
    """Compress, and print or write the report."""
    one_thread_each()
    from refcompress.compression import compress

    plan = plan_of(options)
    if options.compare:
        return _compare(options, plan)
    out = None if options.out is None else _folder(options.out)
    dataset = _data(options)
    result = compress(dataset, plan, tell=tell)
    if out is not None:
        _write(out, result)
        _draw(out, result, dataset)
    rows = _quantization_aware(dataset, plan) if options.quantization_aware else None
    if options.json:
        print(json.dumps(report(result, rows), indent=2))
        return 0
    print(stage_table(result.stages))
    if rows is not None:
        print(f"\n{comparison_table(rows)}")
    return 0


def _data(options: argparse.Namespace) -> "Dataset":
    from refcompress.datasets import load, load_digits

    if options.data is not None:
        return load(options.data, label=options.label, header=options.header)
    for name in ("label", "header"):
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} needs --data FILE: the bundled digits are no table")
    return load_digits()


def _compare(options: argparse.Namespace, plan: "Plan") -> int:
    """Print the table of all methods."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # tqdm has no type hints

    from refcompress.methods.comparison import SEEDS, TRIED, compare_methods, count

    for name in (*TRIED, "huffman", "out", "quantization_aware"):
        if getattr(options, name) not in (None, False):
            raise ValueError(f"--compare goes through all methods: it takes no --{name.replace('_', '-')}")
    seeds = range(plan.seed, plan.seed + len(SEEDS))
    with tqdm(total=count(seeds), desc="comparing", unit="method", disable=None) as bar:

        def done(text: str) -> None:
            bar.set_postfix_str(text, refresh=False)
            bar.update()

        rows = compare_methods(_data(options), plan, seeds=seeds, tell=done)
    if options.json:
        methods = [{**asdict(row), "differences": row.differences, "verdict": row.verdict} for row in rows]
        print(json.dumps({"plan": asdict(plan), "seeds": list(seeds), "methods": methods}, indent=2))
    else:
        print(method_tables(rows, seeds))
    return 0


def method_tables(rows: "Sequence[Row]", seeds: Sequence[int]) -> str:
    """Write a table a part, and under them how to read the verdicts."""
    from refcompress.quantization_aware import mean_and_spread

    parts: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        accuracy, difference = (mean_and_spread(values) for values in (row.accuracies, row.differences))
        cells = [row.method, f"{max(row.bytes):,}", f"{accuracy[0]:.3f} ± {accuracy[1]:.3f}"]
        against = ("", "") if row.verdict is None else (f"{difference[0]:+.3f} ± {difference[1]:.3f}", row.verdict)
        parts.setdefault(row.part, []).append((*cells, *against))
    tables = [table((part, "bytes", "accuracy", "difference", "verdict"), cells) for part, cells in parts.items()]
    return "\n\n".join([*tables, FOOT.format(first=seeds[0], last=seeds[-1])])


def _folder(name: str) -> Path:
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def report(result: "Compression", rows: "Sequence[Comparison] | None" = None) -> dict[str, object]:
    """Return the report as what ``json`` can write."""
    whole: dict[str, object] = {"plan": asdict(result.plan), "stages": [asdict(stage) for stage in result.stages]}
    return whole if rows is None else {**whole, "quantization_aware": [asdict(row) for row in rows]}


def _quantization_aware(dataset: "Dataset", plan: "Plan") -> "Sequence[Comparison]":
    from refcompress.quantization_aware import compare

    tell("training with quantized weights, and without")
    return compare(dataset, hidden=plan.student_hidden)


def comparison_table(rows: "Sequence[Comparison]") -> str:
    """Write accuracies at every width as mean and spread over the seeds: quantized after training, and during it."""
    from refcompress.quantization_aware import mean_and_spread

    head = ("weight bits", "float", "quantized after", "quantization-aware", "gain")
    cells = []
    for row in rows:
        columns = (mean_and_spread(values) for values in (row.floats, row.after, row.aware, row.gains))
        cells.append((str(row.bits), *(f"{mean:.3f} ± {spread:.3f}" for mean, spread in columns)))
    return table(head, cells)


def stage_table(stages: "tuple[Stage, ...]") -> str:
    """Write the stages as a table, each size also as a part of the teacher's."""
    first = stages[0]
    rows = [
        (
            s.name,
            f"{s.accuracy:.3f}",
            f"{s.parameters:,}",
            f"{s.nonzeros:,}",
            f"{s.bytes:,}",
            f"1/{first.bytes / s.bytes:.1f}",
            f"{s.multiply_adds:,}",
        )
        for s in stages
    ]
    return table(("stage", "accuracy", "parameters", "nonzeros", "bytes", "of teacher", "multiply-adds"), rows)


def _write(folder: Path, result: "Compression") -> None:
    from refcompress.checkpoints import save_model
    from refcompress.files import written_whole

    for ending in (".safetensors", ".npz"):
        save_model(folder / f"teacher{ending}", result.teacher)
        save_model(folder / f"student{ending}", result.student)
        save_model(folder / f"pruned{ending}", result.pruned, sparse=True)
        save_model(folder / f"quantized{ending}", result.quantized, sparse=True)
        if result.plan.huffman:
            save_model(folder / f"huffman{ending}", result.quantized, huffman=True)
    with written_whole(folder / "report.json") as temporary:
        temporary.write_text(json.dumps(report(result), indent=2) + "\n", encoding="utf-8")


def _draw(folder: Path, result: "Compression", dataset: object) -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        print("no picture: it needs matplotlib (pip install 'refcompress[plots]')", file=sys.stderr)
        return
    from refcompress.plots import draw_frontier
    from refcompress.sweep import sweep

    draw_frontier(folder / "frontier.png", sweep(result, dataset, tell=tell), result.stages)  # type: ignore[arg-type]
