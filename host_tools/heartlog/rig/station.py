"""What is done to one monitor before it leaves the bench, step by step.

    outcome = examine(board, image, port, serial="HL-0042", bus=open_bus())
    outcome.passed, outcome.steps

Each step keeps what it found. A step that fails ends the test: what comes after it would judge a
monitor that is known to be faulty.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from heartlog.device.identity import Identity, check, identify
from heartlog.device.install import Say, frozen_in, install
from heartlog.device.layout import read_state
from heartlog.device.repl import Repl
from heartlog.device.running import Bench
from heartlog.errors import CommandError, UsageProblem
from heartlog.image import ImageInfo
from heartlog.image.board import Board
from heartlog.rig.measure import Measured, measure
from heartlog.security.keys import Keys
from heartlog.security.pair import PATH, file_for, pair
from heartlog.selftest.cable import by_cable

# Sixteen at the most: so many the monitor tells (wire.DESCRIBE).
_SERIAL = re.compile(r"^[A-Z0-9][A-Z0-9-]{2,15}$")


@dataclass(frozen=True)
class Step:
    """One step: what was done, whether it passed, what was found (a line each)."""

    name: str
    passed: bool
    found: tuple[str, ...] = ()


@dataclass
class Outcome:
    """The whole test of one monitor."""

    serial: str
    board: str
    build: str
    version: str
    at: dt.datetime
    done_by: str
    unique: str = ""
    part: str = ""
    micropython: str = ""
    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every step was done and passed."""
        return bool(self.steps) and all(step.passed for step in self.steps)

    @property
    def label(self) -> str:
        """The text for the label on the case."""
        return (
            f"Heartlog {self.serial}\n{self.board} {self.part}\nid {self.unique}\n"
            f"tested {self.at:%Y-%m-%d}, firmware {self.version}\n"
            "For learning and research. Never wear it\nwhile it is connected to the mains."
        )

    def values(self) -> dict[str, Any]:
        """Everything, for the equipment record."""
        return {
            "build": self.build,
            "version": self.version,
            "micropython": self.micropython,
            "unique": self.unique,
            "part": self.part,
            "steps": [
                {"name": s.name, "passed": s.passed, "found": list(s.found)} for s in self.steps
            ],
        }


def check_serial(serial: str) -> str:
    """A serial number as labels carry it.

    Raises:
        UsageProblem: too short, too long, or with other letters.
    """
    wanted = serial.strip().upper()
    if not _SERIAL.match(wanted):
        raise UsageProblem(
            f"{serial!r} is no serial number.",
            "Use 3 to 16 capital letters, digits and hyphens, as HL-0042.",
        )
    return wanted


def examine(
    board: Board,
    image: ImageInfo,
    port: str,
    serial: str,
    *,
    bus: Any | None,
    done_by: str = "",
    electrodes: str = "open",
    update_key: bytes | None = None,
    keys: Keys | None = None,
    format_flash: bool = False,
    say: Say = lambda _words: None,
) -> Outcome:
    """Run the whole test; returns what was found, whether or not it passed.

    `bus` is the rig's I2C bus, None to leave the rails out (the certificate says so). With `keys`
    the monitor is paired with this computer, so that it leaves the bench closed to strangers.

    Raises:
        CommandError: the test could not be done: no board, wrong board, no rig.
    """
    now = dt.datetime.now(dt.UTC)
    outcome = Outcome(check_serial(serial), board.name, image.build, image.version, now, done_by)
    say("Firmware")
    frozen = _frozen(board, image, port, outcome)
    if frozen is None:
        done = install(
            board, image, port, format_flash=format_flash, update_key=update_key, say=say
        )
        _identity(outcome, done.identity)
        found = f"{image.version}, build {image.build}, verified on flash"
        outcome.steps.append(Step("Firmware", True, (found,)))
    else:
        update_key = None  # its update is a newer build, over USB
        outcome.steps.append(frozen)
        if not frozen.passed:
            return outcome
    with Bench(board, port) as bench:
        steps: list[Callable[[], Step]] = [
            lambda: _self_test(bench, outcome, electrodes, now),
            lambda: _serial_number(bench, outcome),
        ]
        if keys is not None or update_key is not None:
            steps.append(lambda: _keys(bench, keys, update_key))
        if bus is not None:
            steps.insert(0, lambda: _rails(bus, board))
        for step in steps:
            taken = step()
            say(f"{taken.name}: {'pass' if taken.passed else 'FAIL'}")
            outcome.steps.append(taken)
            if not taken.passed:
                break
    return outcome


def _frozen(board: Board, image: ImageInfo, port: str, outcome: Outcome) -> Step | None:
    """The step for a monitor that is frozen into MicroPython; None for any other board."""
    with Repl(port) as repl:
        told = identify(repl)
        check(told, board)
        if read_state(repl, board) is not None or not frozen_in(repl):
            return None
        version, build = repl.value("(i.VERSION, i.BUILD)", "import image_info as i")
    _identity(outcome, told)
    passed = (version, build) == (image.version, image.build)
    found = [f"{version}, build {build}, frozen into MicroPython"]
    if not passed:
        found.append(f"Meant is {image.version}, build {image.build}: build MicroPython anew")
    return Step("Firmware", passed, tuple(found))


def _identity(outcome: Outcome, told: Identity) -> None:
    outcome.unique = told.unique
    outcome.micropython = told.version_text


def _rails(bus: Any, board: Board) -> Step:
    if not board.rails:
        raise CommandError(
            f"boards/{board.name}/board.json names no rails for the rig.", "Use --no-rig."
        )
    results: list[Measured] = measure(bus, board.rails)
    return Step("Rails", all(r.passed for r in results), tuple(r.words() for r in results))


def _self_test(bench: Bench, outcome: Outcome, electrodes: str, now: dt.datetime) -> Step:
    name = "Self-test and calibration"
    report, kept = by_cable(bench, electrodes, outcome.unique, calibrate=now.date())
    outcome.part = report.part
    found = [figure.words() for figure in report.figures]
    if report.broken_off:
        found.append(f"broken off: {report.broken_off}")
    if kept is not None:
        found.append(f"Calibration kept: {kept.words()}")
    return Step(name, report.passed and kept is not None, tuple(found))


def _serial_number(bench: Bench, outcome: Outcome) -> Step:
    root = bench.board.root.rstrip("/")
    bench.repl.put_safely(f"{root}/serial", outcome.serial.encode())
    back = bench.repl.get(f"{root}/serial").decode()
    return Step("Serial number", back == outcome.serial, (f"{back}, id {outcome.unique}",))


class _BenchCable:
    """The cable of a monitor that is held on the bench, as pairing takes one."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._root = bench.board.root.rstrip("/")

    def device_id(self) -> str:
        unique = bytes(self._bench.repl.value("machine.unique_id()", "import machine"))
        return (unique + bytes(8))[:8].hex()

    def write(self, path: str, data: bytes) -> None:
        self._bench.repl.put_safely(self._root + path, data)

    def give_journal_key(self, key: bytes) -> None:
        said = self._bench.run(
            "import board\nfrom binascii import unhexlify\nfrom monitor import vault\n"
            f"print(vault.give(board, unhexlify({key.hex()!r})))",
            timeout=120,
        )
        if said.strip() != "True":
            raise CommandError(
                "The monitor's flash did not take the key of its journal.",
                "Erase the board's flash and begin again: --format, or MicroPython anew.",
            )

    def restart(self) -> None:
        """The bench resets the board at its end."""


def _keys(bench: Bench, keys: Keys | None, update_key: bytes | None) -> Step:
    """Pair, and read back what lets others in or updates on."""
    root = bench.board.root.rstrip("/")
    found, passed = [], True
    if update_key is not None:
        kept = bench.repl.get(f"{root}/slots/update.key") == update_key
        passed = passed and kept
        name = hashlib.sha256(update_key).hexdigest()[:16]
        found.append(f"Updates over the air: key {name} {'kept' if kept else 'NOT kept'}")
    if keys is not None:
        cable = _BenchCable(bench)
        device = pair(cable, keys)
        key = keys.get(device)
        kept = key is not None and bench.repl.get(f"{root}{PATH}") == file_for(key)
        passed = passed and kept
        found.append(f"Paired with this computer as {device}: {'kept' if kept else 'NOT kept'}")
    return Step("Keys", passed, tuple(found))
