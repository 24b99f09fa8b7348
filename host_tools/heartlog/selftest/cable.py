"""Self-test and calibration by cable: the monitor is held, and its own modules do it."""

import ast
import datetime as dt
from dataclasses import dataclass
from typing import Any

from heartlog.device.repl import RemoteError
from heartlog.device.running import Bench
from heartlog.errors import CommandError
from heartlog.selftest.figures import Figure, Report

FILE = "calibration.json"
# Each figure is printed when it is there, so that silence means a board that hangs.
_TEST = """
import board
from monitor.frontends import power_up
from monitor.selftest import for_part
a = power_up(board)
try:
    t = for_part(a, board, ELECTRODES)
    print('PART', a.part.name)
    for r in t.run():
        print('FIGURE', repr((r.code, r.channel, r.value, r.low, r.high, r.passed)))
"""
_CALIBRATE = """
    if t.passed:
        from monitor.calibration import Calibration
        from monitor.measuring import known_gains
        from monitor.samplers import by_interrupt
        try:
            g = None
            if KNOWN_UV:
                g = known_gains(a, board, KNOWN_UV, by_interrupt)
            c = Calibration.of(t, DATE, g, '%g uV' % KNOWN_UV if KNOWN_UV else 'internal')
            c.save(ROOT + 'calibration.json')
            print('KEPT', repr((c.part, c.date, c.gain_ppm, c.offset_codes, c.rate_ppm, c.source)))
        except ValueError as e:
            print('REFUSED', e)
"""
_END = """
finally:
    a.shut_down()
"""


@dataclass(frozen=True)
class Calibration:
    """As it is kept on the board: see firmware/monitor/calibration.py."""

    part: str
    date: str
    gain_ppm: tuple[int, ...]
    offset_codes: tuple[int, ...]
    rate_ppm: int
    source: str

    @property
    def applied(self) -> bool:
        """Whether it corrects the scale."""
        return self.source != "internal"

    def words(self) -> str:
        """In one line."""
        gains = ", ".join(f"{ppm / 1e4:+.2f} %" for ppm in self.gain_ppm)
        how = f"by a signal of {self.source}" if self.applied else "by its own signal, not applied"
        return f"{self.date}, {self.part}, {how}: {gains}"


def by_cable(
    bench: Bench,
    electrodes: str,
    device_id: str = "",
    *,
    calibrate: dt.date | None = None,
    known_uv: float = 0,
) -> tuple[Report, Calibration | None]:
    """Test the board; with `calibrate` (the day), keep a calibration on it if the test is passed.

    `known_uv`: peak to peak of the square wave at its electrodes; 0: the part's own signal.

    Raises:
        CommandError: the calibration was refused: it is not plausible.
    """
    report = Report(device_id, electrodes)
    given = f"ELECTRODES = {electrodes!r}\nROOT = {_root(bench)!r}\n"
    program = _TEST
    if calibrate is not None:
        given += f"DATE = {calibrate.isoformat()!r}\nKNOWN_UV = {known_uv!r}\n"
        program += _CALIBRATE
    try:
        said = bench.run(given + program + _END, timeout=120)
    except RemoteError as error:
        report.broken_off = error.remote.strip().splitlines()[-1]
        return report, None
    kept = None
    for line in said.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "PART":
            report.part = rest
        elif kind == "FIGURE":
            report.figures.append(Figure(*ast.literal_eval(rest)))
        elif kind == "KEPT":
            kept = _calibration(*ast.literal_eval(rest))
        elif kind == "REFUSED":
            raise CommandError(
                f"The calibration was refused: {rest}.",
                "What was kept on the board before is still there.",
            )
    return report, kept


def _calibration(part: str, date: str, gains: Any, offsets: Any, rate: int, source: str) -> Any:
    return Calibration(part, date, tuple(gains), tuple(offsets), rate, source)


def _root(bench: Bench) -> str:
    return bench.board.root.rstrip("/") + "/"


def parse_kept(text: bytes) -> Calibration | None:
    """What a board's file says; None when it makes no sense."""
    import json

    try:
        found = json.loads(text)
        return Calibration(
            str(found["part"]),
            str(found["date"]),
            tuple(int(ppm) for ppm in found["gain_ppm"]),
            tuple(int(codes) for codes in found["offset_codes"]),
            int(found["rate_ppm"]),
            str(found["source"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
