"""The demo's story, step by step; each step says what it did.

The recorder is the one of `heartlog record`, the radio a virtual one, the clock the virtual
board's: nothing in the path from the electrodes to the store knows that it is a demo.
"""

from __future__ import annotations

import asyncio
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heartlog.cli import output
from heartlog.demo.agreement import agree, recording_of
from heartlog.demo.stage import Bar, Stage
from heartlog.errors import CommandError, Incomplete
from heartlog.overview import Overview

if TYPE_CHECKING:
    from heartlog.evaluation.records import Recording
    from heartlog.live.progress import Follower
    from virtual_board import Board

SPEED = 20.0
"""Times real time: five minutes in fifteen seconds, which two cores do with ease."""
LONGEST_PLAY = 60.0
"""Seconds that a longer record may take: it is then played faster, if the computer can."""
BOOT_SECONDS = 30.0
"""Real seconds until the monitor advertises."""
TAIL_SECONDS = 5.0
"""Recorded beyond the end of the ECG: the last beat is decided a little after it was."""
OFF_SECONDS = 20.0
PRESS_BEFORE_END = 60.0
"""The patient presses the button so long before the end: the strip of ECG that the monitor keeps
reaches 45 s to both sides."""


@dataclass(frozen=True)
class Plan:
    """What the demo was asked to do; see `heartlog demo --help`."""

    ecg: str | None
    out: Path | None
    speed: float | None
    stack: str
    electrode_off: bool
    report: bool


def run_demo(plan: Plan) -> None:
    """Run the demo; raises `CommandError` if anything fails. Leaves only the folder of results."""
    started = time.monotonic()
    stage = Stage()
    recording = recording_of(plan.ecg)  # before anything is built: a bad record ends it at once
    folder = prepare(plan.out)
    stage.say(f"ECG: {recording.name}, {recording.lead}, {_clock(recording.seconds)} long")
    image = build(stage)
    with boot(stage, plan, image, recording) as board:
        follower, record_start = asyncio.run(_record(stage, plan, board, recording, folder))
        complaints = list(board.complaints)
    if complaints:
        raise CommandError(
            f"The front end's model complained: {complaints[0]} ({len(complaints)} in all)",
            "This is a defect of the firmware's driver: please report it.",
        )
    if follower.session_id is None or not follower.finished:
        raise Incomplete("The session did not end in order.", "What was recorded is in the store.")
    finish(stage, plan, folder, follower.session_id, record_start, recording, started)


def prepare(out: Path | None) -> Path:
    """The folder for the results, without those of an earlier demo."""
    folder = out or default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("heartlog.sqlite", "heartlog.sqlite-wal", "heartlog.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    return folder


def default_folder() -> Path:
    """`build/demo` in a checkout, `heartlog-demo` here otherwise."""
    from heartlog.image import boards_dir

    checkout = boards_dir().parent
    return (
        checkout / "build" / "demo"
        if (checkout / "pyproject.toml").is_file()
        else Path("heartlog-demo")
    )


def build(stage: Stage) -> Path:
    """The firmware image for the virtual board, as for any board: precompiled files."""
    from heartlog.image import build_image

    with stage.step("Building the firmware image ...") as result:
        info = build_image("virtual")
        result.append(
            f"Firmware {info.version}: {len(info.files)} precompiled files,"
            f" {info.size / 1024:.0f} KiB"
        )
    return Path(info.folder)


def boot(stage: Stage, plan: Plan, image: Path, recording: Recording) -> Board:
    """The virtual board, waiting with electrodes on; its record plays when it is told to."""
    from virtual_board import Board

    with stage.step("Booting the virtual board ...") as result:
        board = Board(
            record=plan.ecg or "demo",
            speed=SPEED,
            stack=plan.stack,
            image=image,
            hold=True,
        )
        try:
            _until_advertising(board)
        except BaseException:
            board.stop()
            raise
        result.append(f"Virtual board booted: MicroPython, ADS1292R, {plan.stack}")
    return board


def _until_advertising(board: Board) -> None:
    """A first boot lays out the flash; then real time, for until the ECG plays nothing is seen."""
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        status = board.control(do="status")
        _check(status)
        if status["radio"]["advertising"]:
            break
        if time.monotonic() > deadline:
            raise CommandError(
                f"The virtual monitor did not advertise within {BOOT_SECONDS:.0f} s.",
                f"What its firmware said: {board.log().strip()[-200:] or 'nothing'}",
            )
        time.sleep(0.05)
    board.control(do="speed", value=1)


def _check(status: dict[str, Any]) -> None:
    if status["ended"]:
        raise CommandError(
            f"The monitor's firmware ended: {status['ended']}",
            "This is a defect of the firmware: please report it.",
        )


def speed_for(plan: Plan, recording: Recording) -> float:
    """Times real time, 0 for as fast as it goes."""
    if plan.speed is not None:
        return plan.speed
    return max(SPEED, recording.seconds / LONGEST_PLAY)


async def _record(
    stage: Stage, plan: Plan, board: Board, recording: Recording, folder: Path
) -> tuple[Follower, int]:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.live.progress import Follower
    from heartlog.recorder import Recorder
    from heartlog.store import Store

    with Store.open(folder / "heartlog.sqlite") as store:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            with stage.step("Looking for the monitor over Bluetooth LE ...") as result:
                found = await find_monitor(backend)
                result.append(f"Found {found.name} ({found.address}, {found.rssi} dBm)")
            follower = Follower(say=stage.say)
            recorder = Recorder(
                store,
                backend,
                found=found,
                session={"notes": f"Demo: {recording.name}"},
                on_event=follower.take,
            )
            running = asyncio.create_task(recorder.run())
            try:
                await _until_open(follower, running)
                await asyncio.to_thread(board.control, do="play")
                await asyncio.to_thread(
                    board.control, do="speed", value=speed_for(plan, recording)
                )
                begun = time.monotonic()
                with stage.bar(recording.seconds) as bar:
                    start = await _watch(plan, board, recording, follower, running, bar)
                recorder.stop()
                await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            took = time.monotonic() - begun
            stage.done(
                f"Recorded {_clock(recording.seconds)} of ECG over the radio,"
                f" {recording.seconds / took:.0f} times real time: {follower.stored} records",
                took,
            )
    return follower, start


async def _until_open(follower: Follower, running: asyncio.Task[int]) -> None:
    while follower.session_id is None:
        if running.done():
            running.result()
        await asyncio.sleep(0.02)


async def _watch(
    plan: Plan,
    board: Board,
    recording: Recording,
    follower: Follower,
    running: asyncio.Task[int],
    bar: Bar,
) -> int:
    """Follow the record to its end; returns the sample index of its first sample."""
    rate = follower.state.rate
    to_come = incidents(plan, recording)
    while True:
        if running.done():
            running.result()
            raise Incomplete("The recording ended early.", "What was recorded is in the store.")
        status: dict[str, Any] = await asyncio.to_thread(board.control, do="status")
        _check(status)
        start = status["record_start"]
        if start is not None:
            played = (status["samples"] - start) / rate
            bar.show(min(played, recording.seconds), _how_it_goes(played, recording, follower))
            if played >= recording.seconds + TAIL_SECONDS:
                return int(start)
            while to_come and played >= to_come[0][0]:
                await asyncio.to_thread(board.control, **to_come.pop(0)[1])
        await asyncio.sleep(0.1)


def incidents(plan: Plan, recording: Recording) -> list[tuple[float, dict[str, Any]]]:
    """(second of the record, command to the board) of what happens to the patient, in order."""
    made: list[tuple[float, dict[str, Any]]] = []
    press = recording.seconds - PRESS_BEFORE_END
    if press > PRESS_BEFORE_END:
        made.append((press, {"do": "button", "ms": 200}))
    if plan.electrode_off:
        off = recording.seconds / 2
        made.append((off, {"do": "electrode", "name": "LA", "on": False}))
        made.append((off + OFF_SECONDS, {"do": "electrode", "name": "LA", "on": True}))
    return sorted(made, key=lambda one: one[0])


def _how_it_goes(played: float, recording: Recording, follower: Follower) -> str:
    state = follower.state
    rate = f"{state.heart_rate:3.0f}" if state.heart_rate else " --"
    off = "".join(f", {name} off" for name, on in state.electrodes() if not on)
    return (
        f"{_clock(min(played, recording.seconds))} of {_clock(recording.seconds)}"
        f"  {state.beat_count:5} beats  {rate}/min  {state.signal_name}{off}"
    )


def finish(
    stage: Stage,
    plan: Plan,
    folder: Path,
    session_id: int,
    record_start: int,
    recording: Recording,
    started: float,
) -> None:
    """Score, draw, report, and print the summary."""
    from heartlog.cli.show import print_overview
    from heartlog.picture import draw_session
    from heartlog.store import Store

    with Store.open(folder / "heartlog.sqlite") as store:
        overview = Overview.of(store, session_id)
        samples = store.beats(session_id)["index"]
        agreement = agree(samples, record_start, float(overview.session.rate), recording)
        picture = folder / "session.png"
        with stage.step("Drawing the picture ...") as result:
            figures = [agreement.figure] if agreement and agreement.by_experts else []
            draw_session(store, overview, picture, figures)
            result.append("Picture drawn")
        report = write_report(stage, store, session_id, folder) if plan.report else None
    output.err().print()
    print_overview(overview)
    out = output.out()
    out.print()
    if agreement is not None:
        lines = textwrap.wrap(agreement.text, 62)
        out.print("Agreement       " + ("\n" + " " * 16).join(lines), highlight=False)
    out.print(f"Picture         {shown(picture)}", highlight=False, soft_wrap=True)
    if report is not None:
        out.print(f"Report          {shown(report)}", highlight=False, soft_wrap=True)
    out.print(
        f"Store           {shown(folder / 'heartlog.sqlite')}", highlight=False, soft_wrap=True
    )
    output.note(f"Done in {time.monotonic() - started:.0f} s; nothing is left running.")


def write_report(stage: Stage, store: Any, session_id: int, folder: Path) -> Path:
    """The report of `heartlog report`, as PDF."""
    from heartlog.report.make import make_report

    files = [folder / "report.pdf", folder / "report.html"]
    with stage.step("Writing the report ...") as result:
        make_report(store, session_id, files)
        result.append("Report written")
    return files[0]


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    absolute = path.resolve()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


def _clock(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02}"
