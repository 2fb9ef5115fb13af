import json
import subprocess
import sys

import numpy as np
import pytest

from refcompress.checkpoints import load_model
from refcompress.cli import main
from refcompress.compression import Plan

QUICK = Plan(
    teacher_hidden=(12,), student_hidden=(6,), teacher_epochs=2, student_epochs=2, prune_steps=2, tuning_epochs=1
)


@pytest.fixture
def quick(monkeypatch):
    """Make the default plan a quick one: what is tested here is the command."""
    import refcompress.compression
    import refcompress.methods.comparison  # before there is another Plan

    def plan(**chosen):
        from dataclasses import replace

        return replace(QUICK, **chosen)

    monkeypatch.setattr(refcompress.compression, "Plan", plan)


def test_the_table_has_a_row_a_stage(quick, capsys):
    assert main(["compress"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "stage",
        "accuracy",
        "parameters",
        "nonzeros",
        "bytes",
        "of",
        "teacher",
        "multiply-adds",
    ]
    assert [line.split()[0] for line in lines[1:]] == ["teacher", "student", "pruned", "quantized"]


def test_json_holds_the_plan_and_the_stages(quick, capsys):
    assert main(["compress", "--json", "--sparsity", "0.5", "--bits", "6", "--seed", "4"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["plan"]["sparsity"], report["plan"]["bits"], report["plan"]["seed"]) == (0.5, 6, 4)
    assert set(report["stages"][0]) == {"name", "accuracy", "parameters", "nonzeros", "bytes", "multiply_adds"}


@pytest.fixture
def quick_comparison(monkeypatch):
    from refcompress.quantization_aware import compare

    few = {"bits": (2, 8), "seeds": (0, 1), "epochs": 1}
    monkeypatch.setattr(compare, "__kwdefaults__", {**compare.__kwdefaults__, **few})


def test_quantization_aware_adds_a_table_with_a_row_a_width(quick, quick_comparison, capsys):
    assert main(["compress", "--quantization-aware"]) == 0
    head, *rows = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert head.split() == ["weight", "bits", "float", "quantized", "after", "quantization-aware", "gain"]
    assert [row.split()[0] for row in rows] == ["2", "8"]
    assert all(row.count("±") == 4 for row in rows)


def test_json_holds_the_accuracies_of_quantization_aware_training_seed_by_seed(quick, quick_comparison, capsys):
    assert main(["compress", "--json", "--quantization-aware"]) == 0
    rows = json.loads(capsys.readouterr().out)["quantization_aware"]
    assert [row["bits"] for row in rows] == [2, 8]
    assert all(len(row[name]) == 2 for row in rows for name in ("floats", "after", "aware"))


@pytest.mark.parametrize("options", [["--label", "kind"], ["--header"], ["--no-header"], ["--compare", "--header"]])
def test_what_says_how_to_read_a_table_needs_one(quick, capsys, options):
    assert main(["compress", *options]) == 2
    name = "label" if "--label" in options else "header"
    assert capsys.readouterr() == ("", f"refcompress: --{name} needs --data FILE: the bundled digits are no table\n")


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--distillation", "kl", "--temperature", "2"], "temperature", 2.0),
        (["--distillation", "kl"], "distillation", "kl"),
        (["--scores", "wanda"], "scores", "wanda"),
        (["--scope", "output"], "scope", "output"),
        (["--schedule", "one_shot"], "schedule", "one_shot"),
        (["--structure", "1:2"], "structure", [1, 2]),
    ],
)
def test_each_option_reaches_the_plan_and_makes_another_model(quick, capsys, options, name, value):
    assert main(["compress", "--json", "--student", "8"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main(["compress", "--json", "--student", "8", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["plan"][name] == value
    assert report["stages"][2:] != plain["stages"][2:]


def test_a_structure_leaves_n_of_m(quick, capsys):
    assert main(["compress", "--json", "--student", "8", "--structure", "1:4"]) == 0
    pruned = json.loads(capsys.readouterr().out)["stages"][2]
    assert pruned["multiply_adds"] == (64 * 8 + 8 * 10) // 4


def test_huffman_adds_a_row_and_files_of_the_same_codes(quick, capsys, tmp_path):
    assert main(["compress", "--json", "--student", "32", "--huffman", "--out", str(tmp_path)]) == 0
    *_, quantized, coded = json.loads(capsys.readouterr().out)["stages"]
    assert coded["name"] == "huffman"
    assert coded["bytes"] == (tmp_path / "huffman.safetensors").stat().st_size < quantized["bytes"]
    rest = ("accuracy", "parameters", "nonzeros", "multiply_adds")
    assert [coded[name] for name in rest] == [quantized[name] for name in rest]
    first, second = (load_model(tmp_path / f"{name}.npz") for name in ("quantized", "huffman"))
    assert all(np.array_equal(a.values, b.values) for a, b in zip(first.weights, second.weights, strict=True))


def test_compare_prints_a_table_a_part_and_how_to_read_it(quick, capsys):
    from refcompress.methods.comparison import PARTS

    assert main(["compress", "--compare", "--student", "8"]) == 0
    *tables, foot = capsys.readouterr().out.split("\n\n")
    assert len(tables) == len(PARTS)
    for text, (part, methods) in zip(tables, PARTS.items(), strict=True):
        head, first, *others = text.splitlines()
        assert head.startswith(part)
        assert head.split()[-4:] == ["bytes", "accuracy", "difference", "verdict"]
        assert [line.split("  ")[0] for line in (first, *others)] == list(methods)
        assert all(line.endswith(("helps", "harms", "does not help")) for line in others)
    assert "Student's t test" in foot
    assert "seeds 0 to 4" in foot


def test_compare_as_json_has_every_accuracy_and_verdict(quick, capsys):
    assert main(["compress", "--compare", "--json", "--student", "8", "--seed", "3"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["seeds"] == [3, 4, 5, 6, 7]
    assert {len(row["accuracies"]) for row in report["methods"]} == {5}
    assert {row["verdict"] for row in report["methods"]} <= {None, "helps", "harms", "does not help"}


def test_out_gets_the_models_the_report_and_a_picture(quick, capsys, tmp_path, monkeypatch):
    import refcompress.sweep

    monkeypatch.setattr(
        refcompress.sweep.sweep, "__kwdefaults__", {**refcompress.sweep.sweep.__kwdefaults__, "sparsities": (0.0, 0.5)}
    )
    out = tmp_path / "new" / "folder"
    assert main(["compress", "--out", str(out)]) == 0
    stages = ("teacher", "student", "pruned", "quantized")
    models = {f"{stage}{ending}" for stage in stages for ending in (".npz", ".safetensors")}
    assert {p.name for p in out.iterdir()} == {*models, "report.json", "frontier.png"}
    assert (out / "frontier.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((out / "report.json").read_text())
    sizes = {s["name"]: s["bytes"] for s in report["stages"]}
    assert all((out / f"{name}.safetensors").stat().st_size == size for name, size in sizes.items())
    assert load_model(out / "quantized.npz").bits == 8


def test_own_data_are_compressed(quick, capsys, tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    path = tmp_path / "own.csv"
    path.write_text("a,b,c,kind\n" + "".join(f"{r[0]},{r[1]},{r[2]},{'yn'[k]}\n" for r, k in zip(x, y, strict=True)))
    assert main(["compress", "--data", str(path), "--label", "kind"]) == 0
    assert "quantized" in capsys.readouterr().out


def test_p_and_k_and_sizes_are_taken(quick, capsys):
    assert main(["compress", "--json", "--p", "5", "--k", "50", "--teacher", "9", "7", "--student", "5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["plan"]["teacher_hidden"] == [9, 7]
    assert report["stages"][0]["parameters"] == 64 * 9 + 9 + 9 * 7 + 7 + 7 * 10 + 10
    assert report["stages"][3]["multiply_adds"] <= 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sparsity", "1.5"], "sparsity is 1.5: it must be from 0.0 to 1.0"),
        (["--bits", "1"], "bits is 1: it must be from 2 to 32"),
        (["--k", "100000"], "k is 100000: it must be from 0 to 444"),
        (["--k", "-1"], "k is -1: it must be at least 0"),
        (["--teacher", "0"], "teacher is 0: it must be at least 1"),
        (["--seed", "-1"], "seed is -1: it must be at least 0"),
        (["--label-weight", "2"], "label_weight is 2.0: it must be from 0.0 to 1.0"),
        (["--data", "nowhere.csv"], "refcompress: nowhere.csv: No such file or directory"),
        (["--bits", "32"], "past int32"),
        (["--distillation", "l1"], "distillation is 'l1': it must be one of mse, kl"),
        (["--distillation", "kl", "--temperature", "0"], "temperature is 0.0: it must be above 0"),
        (["--temperature", "2"], "distillation is mse: a temperature belongs to kl"),
        (["--scores", "size"], "scores is 'size': it must be one of magnitude, random, gradient, damage, wanda"),
        (["--scope", "row"], "scope is 'row': it must be one of tensor, output, model"),
        (["--schedule", "fast"], "schedule is 'fast': it must be one of cubic, linear, one_shot"),
        (["--structure", "2-4"], "structure is '2-4': it must be n:m, as in 2:4"),
        (["--structure", "5:4"], "n is 5: it must be from 0 to 4"),
        (["--structure", "2:4"], "structure is 2:4: layer 1 has 6 inputs, no multiple of 4"),
        (["--structure", "2:4", "--scope", "tensor"], "scope and structure exclude each other"),
        (["--structure", "2:4", "--k", "3"], "not allowed with argument"),
        (["--compare", "--out", "x"], "--compare goes through all methods: it takes no --out"),
        (["--compare", "--scores", "random"], "--compare goes through all methods: it takes no --scores"),
        (["--huffman", "--bits", "9"], "bits is 9: --huffman is for codes of at most 8 bits"),
        (["--compare", "--huffman"], "--compare goes through all methods: it takes no --huffman"),
        (["--compare", "--quantization-aware"], "it takes no --quantization-aware"),
        (["--sparsity", "x"], "argument --sparsity: invalid float value: 'x'"),
        (["--sparsity", "0.5", "--k", "3"], "not allowed with argument"),
    ],
)
def test_a_user_s_mistake_is_one_line_and_exit_status_2(quick, capsys, options, message):
    try:
        status = main(["compress", *options])
    except SystemExit as end:
        status = end.code
    assert status == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert "Traceback" not in error


def test_a_folder_that_cannot_be_made_is_a_user_s_mistake(quick, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["compress", "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_nothing_but_findings_goes_to_standard_output_and_nothing_to_error_in_a_pipe(tmp_path):
    command = [sys.executable, "-m", "refcompress", "compress", "--json", "--teacher", "4", "--student", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    assert len(json.loads(done.stdout)["stages"]) == 4
