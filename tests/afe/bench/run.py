"""Runs the checks of one module for one part, in MicroPython; one JSON line for each result.

micropython run.py REPOSITORY MODULE PART
"""

import io
import json
import sys

repository, module, part = sys.argv[1:4]
sys.path[:0] = [
    repository + "/tests/afe/bench",
    repository + "/tests/afe/checks",
    repository + "/boards/virtual",
    repository + "/firmware",
]
checks = __import__(module)
from bench import fresh

for name in sorted(dir(checks)):
    if not name.startswith("check_"):
        continue
    result = {"check": name, "ok": True}
    fresh()
    try:
        getattr(checks, name)(part)
    except Exception as error:
        text = io.StringIO()
        sys.print_exception(error, text)
        result = {"check": name, "ok": False, "error": text.getvalue()}
    print("\x02" + json.dumps(result))
print("\x02" + json.dumps({"check": "end", "ok": True}))
