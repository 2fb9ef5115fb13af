"""The commands in surroundings that are not as they should be: full disk, no HOME, C locale, two at once."""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import zipfile

import pytest
from safetensors.numpy import load_file

CANDIDATE = (
    "import numpy as np\n\n\ndef twice(x, p):\n    return np.clip(np.rint(np.ldexp(x, p)), -8, 7).astype(np.int8)\n"
)
VERIFY = ["verify", "quantize", "mine.py:twice", "--set", "bits=4", "--examples", "5"]
SMALL = ["compress", "--teacher", "8", "--student", "4"]
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(CANDIDATE)
    return tmp_path


def start(folder, arguments, environment=None, **more):
    """A command as a shell starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "refcompress", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"} | (environment or {}),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"} | more,
    )


def run(*arguments, **more):
    process = start(*arguments, **more)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize("command", [["operations"], VERIFY, ["vectors", "stream", "quantize", "--set", "bits=4"]])
def test_a_full_disk_behind_standard_output_is_one_line(folder, command):
    with open("/dev/full", "w") as full:
        status, _, err = run(folder, command, stdout=full)
    assert (status, err) == (2, "refcompress: [Errno 28] No space left on device\n")


def small_files():
    """Let no file grow past 8 kB, as a disk that is almost full does: writing fails half way."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


@pytest.mark.parametrize("suffix", [".jsonl", ".npz", ".hex"])
def test_a_disk_that_fills_half_way_leaves_the_file_as_it_was(folder, suffix):
    target = folder / f"vectors{suffix}"
    target.write_text("as it was")
    command = ["vectors", "write", "quantize", "--set", "bits=4", "--out", target.name]
    status, out, err = run(folder, command, preexec_fn=small_files)
    assert (status, out, err) == (2, "", f"refcompress: {target.name}: File too large\n")
    assert sorted(p.name for p in folder.iterdir()) == ["mine.py", target.name]
    assert target.read_text() == "as it was"


def test_a_disk_that_fills_while_models_are_written_leaves_none_by_half(folder):
    status, _, err = run(folder, [*SMALL, "--out", "models"], preexec_fn=small_files)
    assert (status, err) == (2, "refcompress: models/frontier.png: File too large\n")
    files = sorted(p.name for p in (folder / "models").iterdir())
    stages = ("pruned", "quantized", "student", "teacher")
    assert files == sorted(["report.json", *(f"{s}{suffix}" for s in stages for suffix in (".npz", ".safetensors"))])
    for stage in stages:
        assert load_file(folder / "models" / f"{stage}.safetensors")
        assert zipfile.ZipFile(folder / "models" / f"{stage}.npz").testzip() is None


def keep_to_permissions():
    """Let permissions hold for the superuser too."""
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def test_a_read_only_folder_is_enough_to_verify(folder):
    folder.chmod(0o555)
    status, out, err = run(folder, VERIFY, preexec_fn=keep_to_permissions)
    assert (status, err) == (0, "")
    assert "agrees with quantize" in out


@pytest.mark.parametrize(
    "command", [[*SMALL, "--out", "models"], ["vectors", "write", "quantize", "--set", "bits=4", "--out", "v.npz"]]
)
def test_a_read_only_folder_is_named_by_what_would_write_there(folder, command):
    folder.chmod(0o555)
    status, _, err = run(folder, command, preexec_fn=keep_to_permissions)
    assert (status, err) == (2, f"refcompress: {command[-1]}: Permission denied\n")
    assert [p.name for p in folder.iterdir()] == ["mine.py"]


@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_no_command_needs_a_home(folder, home):
    environment = {"HOME": home, "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "", "MPLCONFIGDIR": ""}
    assert run(folder, VERIFY, environment)[::2] == (0, "")
    status, _, err = run(folder, [*SMALL, "--out", "models"], environment)
    assert (status, err) == (0, "")
    assert (folder / "models" / "frontier.png").stat().st_size > 10_000


@pytest.mark.parametrize("command", [VERIFY, ["operations", "distillation_loss"], ["compress", "--help"]])
def test_in_the_c_locale_without_utf_8_every_sign_is_written_somehow(folder, command):
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
    status, out, err = run(folder, command, ascii_only)
    assert (status, err) == (0, "")
    assert out.isascii()


def test_a_candidate_with_the_line_ends_of_windows_is_run(folder):
    (folder / "mine.py").write_bytes(CANDIDATE.replace("\n", "\r\n").encode())
    assert run(folder, VERIFY)[::2] == (0, "")


def test_answers_with_the_line_ends_of_windows_are_judged(folder):
    settings = ["quantize", "--set", "bits=4"]
    assert run(folder, ["vectors", "write", *settings, "--out", "v.jsonl"])[0] == 0
    cases = [json.loads(line) for line in (folder / "v.jsonl").read_text().splitlines()[1:]]
    answers = [json.dumps({"id": case["id"], "result": case["expected"]}) for case in cases]
    (folder / "answers.jsonl").write_bytes("".join(f"{line}\r\n" for line in answers).encode())
    status, out, err = run(folder, ["vectors", "judge", "quantize", "answers.jsonl", "--set", "bits=4"])
    assert (status, err) == (0, ""), out


def test_two_runs_at_once_in_one_folder_leave_whole_files_of_one_of_them(folder):
    runs = [start(folder, [*SMALL, "--seed", seed, "--out", "models"]) for seed in ("0", "1")]
    assert [(*process.communicate(timeout=120)[1:], process.returncode) for process in runs] == [("", 0), ("", 0)]
    alone = {}
    for seed in ("0", "1"):
        assert run(folder, [*SMALL, "--seed", seed, "--out", f"alone{seed}"])[0] == 0
        alone[seed] = {path.name: path.read_bytes() for path in (folder / f"alone{seed}").iterdir()}
    together = {path.name: path.read_bytes() for path in (folder / "models").iterdir()}
    assert together.keys() == alone["0"].keys()
    for name, content in together.items():
        assert content in (alone["0"][name], alone["1"][name]), name
