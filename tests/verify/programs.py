"""Programs that answer JSON lines, right and wrong, as text: they need nothing but Python's own library."""

# the right answer is twice each number; what else is done, the input "what" says
ACTS = r"""
import json, os, signal, subprocess, sys, time


def write(text):
    data = text.encode()
    while data:
        data = data[os.write(1, data):]


def answer(r, **more):
    x = r["x"]
    result = {"dtype": "float64", "shape": x["shape"], "values": [2 * v for v in x["values"]]}
    return json.dumps({"id": r["id"], "result": result} | more) + "\n"


def note(text):
    with open("noted", "a") as file:
        file.write(f"{text}\n")


def complain(count=3):
    for i in range(count):
        os.write(2, b"complaint %d\n" % i)


def flood(stream):
    while True:
        os.write(stream, b"yyyy" * 20_000)


def die(r):
    complain(8)
    os._exit(3)


def start_another(r):
    note(os.getpid())
    note(subprocess.Popen(["sleep", "300"]).pid)
    time.sleep(300)


ACTS = {
    "answer": lambda r: write(answer(r)),
    "die": die,
    "crash": lambda r: os.kill(os.getpid(), signal.SIGSEGV),
    "answer and die": lambda r: (write(answer(r)), os._exit(0)),
    "rubbish": lambda r: write("hello\n"),
    "a list": lambda r: write("[1, 2]\n"),
    "nothing": lambda r: write("\n"),
    "no utf-8": lambda r: os.write(1, b"\xff\xfe\n"),
    "deep": lambda r: write("[" * 100_000 + "\n"),
    "half a line": lambda r: (write(answer(r)[:12]), time.sleep(300)),
    "half a line and the end": lambda r: (write(answer(r)[:12]), os._exit(0)),
    "another id": lambda r: write(answer(r, id=1000)),
    "a word as id": lambda r: write(answer(r, id="7")),
    "true as id": lambda r: write(answer(r, id=True)),
    "no id": lambda r: write('{"result": 1}\n'),
    "twice": lambda r: write(answer(r) * 2),
    "more": lambda r: write(answer(r) + "done\n"),
    "silence": lambda r: time.sleep(300),
    "flood": lambda r: flood(1),
    "flood of lines": lambda r: write('{"id": 0, "result": 1}\n' * 1_000_000),
    "flood of errors": lambda r: flood(2),
    "many errors": lambda r: (complain(300_000), write(answer(r))),
    "close": lambda r: (os.close(1), time.sleep(300)),
    "an error": lambda r: write(json.dumps({"id": r["id"], "error": "cannot do that"}) + "\n"),
    "no error": lambda r: write(answer(r, error=None)),
    "no result": lambda r: write(json.dumps({"id": r["id"]}) + "\n"),
    "id as float": lambda r: write(answer(r, id=float(r["id"]))),
    "start another": start_another,
    "end late": lambda r: write(answer(r)),
    "pid": lambda r: (note(os.getpid()), write(answer(r))),
}


def serve():
    note(sys.stdin.readline().strip())
    for line in sys.stdin:
        r = json.loads(line)
        what = r["what"]
        if what in ACTS:
            ACTS[what](r)
        else:
            write(answer(r, result=json.loads(what)))
    if what == "end late":
        time.sleep(0.3)
        note("end")


serve()
"""

# multiplies by the number that it is given; --note is for the tests of what is left behind
TIMES = r"""
import json, os, subprocess, sys, time

factor, seen = float(sys.argv[1]), set()
sys.stdin.readline()
for line in sys.stdin:
    r = json.loads(line)
    if sys.argv[2:] == ["--note"]:
        with open("processes", "a") as file:
            file.write(f"{os.getpid()} {subprocess.Popen(['sleep', '300']).pid}\n")
        time.sleep(300)
    if sys.argv[2:] == ["--moody"]:
        factor += 1.0 if line.partition('"x"')[2] in seen else 0.0
        seen.add(line.partition('"x"')[2])
    values = [factor * v if isinstance(v, float) else v for v in r["x"]["values"]]
    if sys.argv[2:] == ["--die"] and len(values) != 1:
        sys.exit("no use\nfor many numbers")
    shape = [len(values)] if sys.argv[2:] == ["--flat"] else r["x"]["shape"]
    print(json.dumps({"id": r["id"], "result": {"dtype": "float64", "shape": shape, "values": values}}))
    sys.stdout.flush()
"""

# takes in what there is, up to five requests, and answers them in the reverse order
FIVES = r"""
import json, os, select, sys

waiting, requests, started = b"", [], False
while True:
    if requests and (len(requests) == 5 or not select.select([0], [], [], 0.05)[0]):
        for r in reversed(requests):
            doubled = {"dtype": "float32", "shape": r["x"]["shape"], "values": [2 * v for v in r["x"]["values"]]}
            print(json.dumps({"id": r["id"], "result": doubled}))
        sys.stdout.flush()
        requests = []
        continue
    if b"\n" not in waiting:
        data = os.read(0, 4096)
        if not data:
            break
        waiting += data
        continue
    line, _, waiting = waiting.partition(b"\n")
    if started:
        requests.append(json.loads(line))
    started = True
"""
