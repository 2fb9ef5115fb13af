import json
import sys

header = json.loads(sys.stdin.readline())
for line in sys.stdin:
    request = json.loads(line)
    values = [float(v) for v in request["x"]["values"]]
    codes = [min(max(v * 2.0 ** request["p"], -128), 127) for v in values]
    result = {"dtype": "int8", "shape": request["x"]["shape"], "values": [round(v) for v in codes]}
    print(json.dumps({"id": request["id"], "result": result}), flush=True)
