"""What was tried to lose a record or to break either side: rounds, disconnections, inputs.

The programs that do it are the tests' own (`tests/path`), so a checkout is needed. They are drawn
from seeds; how long simulated time takes between two faults depends on the computer, and with it
the number of records. `HEARTLOG_ROUNDS` and `HEARTLOG_FUZZ` say how much is tried.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heartlog.bench.sections import Context
from heartlog.image.places import firmware_dir

_A_SEED = 12


def _program(name: str) -> Any:
    """A module of tests/path, None where there is no checkout."""
    repository = firmware_dir().parent
    if not (repository / "tests" / "path" / f"{name}.py").exists():
        return None
    if str(repository) not in sys.path:
        sys.path.insert(0, str(repository))
    return importlib.import_module(f"tests.path.{name}")


def rounds(context: Context) -> Iterator[str]:
    """Torture over the whole path, on both stacks; a line for each, or what was lost."""
    program = _program("torture")
    if program is None:
        yield "not measured: it needs the tests of a checkout"
        return
    wanted = int(os.environ.get("HEARTLOG_ROUNDS", "96"))
    for stack in ("nimble", "btstack"):
        total: Counter[str] = Counter()
        seeds = max(1, wanted // _A_SEED // 2)
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    done = program.torment(seed, _A_SEED, stack, Path(folder))
                except AssertionError as error:
                    total["failed"] += 1
                    yield f"{stack}, seed {seed}: {str(error).splitlines()[0]}"
                    continue
            total.update(
                connections=done.connections, lost=done.lost, records=done.verdict.records,
                unflushed=done.verdict.unflushed, kills=done.tally["kill"],
                cuts=done.tally["power"] + done.tally["reset"], hours=done.seconds / 3600,
            )  # fmt: skip
        yield f"{stack}: {seeds * _A_SEED} rounds in {total['hours']:.1f} h of the board's time"
        yield f"{'  connections, of them broken':<44}{total['connections']:>8}{total['lost']:>8}"
        yield f"{'  recorders killed; boards cut or reset':<44}{total['kills']:>8}" + (
            f"{total['cuts']:>8}"
        )
        yield f"{'  records in the store once, and as made':<44}{total['records']:>8}"
        yield f"{'  seeds that lost, doubled or changed one':<44}{total['failed']:>8}"
        yield f"{'  not yet in flash when the power went':<44}{total['unflushed']:>8}"


def inputs(context: Context) -> Iterator[str]:
    """Bytes that no honest peer sends, on both sides: how many, how far they got, what stayed."""
    program = _program("fuzz")
    if program is None:
        yield "not measured: it needs the tests of a checkout"
        return
    count = int(os.environ.get("HEARTLOG_FUZZ", "4000"))
    tried = program.fuzz_host(count * 10, seed=3)
    yield _row("the host: frames, ECG, answers, adverts", tried)
    for sealed, stack in ((False, "btstack"), (True, "nimble")):
        with tempfile.TemporaryDirectory() as folder:
            tried = program.fuzz_device(Path(folder), count // 8, 3, sealed, stack)
        yield _row(f"the monitor: {'sealed' if sealed else 'open'} writes, {stack}", tried)


def _row(what: str, tried: Any) -> str:
    return f"{what:<44}{tried.inputs:>8} tried{tried.taken:>8} got in{tried.growth:>8} bytes stay"
