"""Makes firmware/monitor/link/tables.py: how likely each bit of a packed page is at its beginning.

    python -m heartlog.tuning.packing mitdb > firmware/monitor/link/tables.py
    python -m heartlog.tuning.packing mitdb --check      # on records that it was not made from

Over all records, counts the zeros and ones that come in each context of the model. `--check`
makes a table of every other record, measures the rest with it, and the other way round.
"""

from __future__ import annotations

import struct
import sys
from concurrent.futures import ThreadPoolExecutor

from heartlog._firmware.monitor.link import coder, model, pack, wire
from heartlog.errors import CommandError
from heartlog.evaluation.board import Board
from heartlog.evaluation.packing import Entry, journal_beats, packed
from heartlog.evaluation.records import find, read
from heartlog.evaluation.signal import to_codes

Records = list[Entry]
PRIOR = 0.5
"""Zeros and ones that every context is given beforehand."""
_TEXT = '''"""How likely (in 1/256) a bit is 0, for each context of model.py as a page begins.

Made by `python -m heartlog.tuning.packing` from the 48 records of the MIT-BIH Arrhythmia Database.
"""

# fmt: off
START = (
%s
)
'''


class Counting(coder.Encoder):  # type: ignore[misc]
    """An encoder that counts the bits of each context."""

    zeros_ones: list[list[float]]

    def bit(self, context: int, bit: int) -> int:
        self.zeros_ones[context][bit] += 1
        return int(super().bit(context, bit))


def with_others(beats: Records) -> Records:
    """Puts some of what else a journal holds between the beats: a signal that is noisy for a
    while after every hundredth beat, and the battery each ten minutes."""
    made: Records = []
    for number, (at, kind, body) in enumerate(beats):
        made.append((at, kind, body))
        sample = int.from_bytes(body[:4], "little") + 90 + 37 * number % 130
        if number % 100 in (50, 58):
            state = (wire.SIGNAL_NOISY, 5) if number % 100 == 50 else (wire.SIGNAL_GOOD, 0)
            made.append((at, wire.SIGNAL, body_of(wire.SIGNAL, sample, *state, 0, 1)))
        if number % 700 == 600:
            millivolts = 4100 - number // 20
            values = (sample, millivolts, millivolts // 41, 0)
            made.append((at, wire.BATTERY, body_of(wire.BATTERY, *values)))
    return made


def body_of(kind: int, *values: int) -> bytes:
    """Body of a record of a kind."""
    return struct.pack(wire.RECORDS[kind][1], *values)


def table(records: list[Records]) -> bytes:
    """The starting probabilities for these records' beats."""
    counts = [[PRIOR, PRIOR] for _ in range(model.CONTEXTS)]

    def watch(packer: pack.Packer) -> None:
        counting = Counting(packer.page, packer._model.states)
        counting.zeros_ones = counts
        packer._coder = counting

    for beats in records:
        packed(with_others(beats), watch=watch)
    return bytes(min(254, max(1, int(256 * zero / (zero + one)))) for zero, one in counts)


def use(start: bytes) -> None:
    """Begins pages with this table from now on."""
    model.START = start


def bytes_per_beat(records: list[Records]) -> list[float]:
    return [packed(beats).bytes_per_beat for beats in records]


def text(start: bytes) -> str:
    """tables.py with this table."""
    rows = [start[i : i + 22].hex() for i in range(0, len(start), 22)]
    lines = ['    b"' + "".join(f"\\x{row[i : i + 2]}" for i in range(0, len(row), 2)) + '"'
             for row in rows]  # fmt: skip
    return _TEXT % "\n".join(lines)


def load(places: list[str]) -> list[Records]:
    """The beats of records as a monitor journals them."""
    with Board() as board, ThreadPoolExecutor() as workers:

        def beats(place: object) -> Records:
            recording = read(place)  # type: ignore[arg-type]
            codes = to_codes(recording.millivolts, recording.fs, 250)
            return journal_beats(board.detect(codes))

        return list(workers.map(beats, find(places)))


def main(arguments: list[str]) -> int:
    """Prints the table, or with --check the bytes a beat."""
    check = "--check" in arguments
    try:
        records = load([a for a in arguments if a != "--check"])
    except CommandError as error:
        print(error.message, error.hint, file=sys.stderr)
        return int(error.exit_code)
    if not check:
        for _ in range(2):  # where pages end depends a little on the table
            use(table(records))
        sys.stdout.write(text(bytes(model.START)))
        return 0
    sizes: list[float] = []
    for half in (0, 1):
        use(table(records[1 - half :: 2]))
        sizes += bytes_per_beat(records[half::2])
    mean = sum(sizes) / len(sizes)
    print(f"{mean:.3f} bytes a beat, least {min(sizes):.3f}, most {max(sizes):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
