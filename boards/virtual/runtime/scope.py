"""A logic analyser on the board's pins: what a pin did, and when, in simulated time.

Over the control socket: {"do": "trace", "pin": "LED"} begins (or begins anew), the same with
"take": true answers {"edges": [[us, level], ...]} since then and goes on.
"""

import sim

MOST_EDGES = 4000
_traces = {}


def command(names, wanted):
    """Begin a trace of the pin `wanted["pin"]`, or hand over what it holds."""
    name = wanted["pin"]
    if name not in _traces:
        edges = _traces[name] = []

        def seen(level):
            if len(edges) < MOST_EDGES:
                edges.append((sim.kernel.now, level))

        names.watch(name, seen)
    edges = _traces[name]
    answer = {"edges": list(edges)} if wanted.get("take") else {}
    edges.clear()
    return answer
