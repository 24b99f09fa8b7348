"""Time is true, from the conversion of a sample to what a report says, whatever the clocks do."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("virtual_board")
from heartlog.ble import open_backend
from heartlog.ble.clock import Clock
from heartlog.live.progress import Follower
from heartlog.recorder import Recorder, events
from heartlog.recorder import recorder as module
from heartlog.review.model import ReviewModel
from heartlog.store import Store
from heartlog.store.reading import Timeline
from virtual_board import Board
from virtual_board.settings import default_image

pytestmark = pytest.mark.usefixtures("micropython")

SPEED = 60
EPOCH = 1_793_000_000.0


class Jumping:
    """A host's clock that is set now and then: `offset` is how wrong it is at the moment;
    `asleep`: for how long its other clock, that of durations, has stood still."""

    def __init__(self, true: Clock) -> None:
        self.true, self.offset, self.asleep = true, 0.0, 0.0

    def now(self) -> float:
        return self.true.now() + self.offset

    def ticks(self) -> float:
        return self.true.ticks() - self.asleep

    async def sleep(self, seconds: float) -> None:
        await self.true.sleep(seconds)


Turn = Callable[[float, Jumping, Board, Follower], bool | None]
"""Called with each batch (seconds since the first one, ...); True when it has seen enough."""


def record(
    folder: Path,
    seconds: float,
    turn: Turn | None = None,
    main: str = "",
    ppm: int = 0,
    offset: float = 0.0,
    patience: float = 150,
    **options: Any,
) -> tuple[Store, int, dict[str, Any]]:
    """Records for `seconds` of the board's time; `turn` is called with each batch. `ppm`: how fast
    the front end's crystal is; `offset`: how wrong the host's clock is at the beginning (s)."""
    if main:
        image = folder / "image"
        shutil.copytree(default_image(), image)
        shutil.copy(Path(__file__).parent / "onboard" / main, image / "main.py")
        options["image"] = image
    board = Board(
        record="demo", speed=SPEED, loop=True, bulk=True, epoch=EPOCH, run_dir=folder / "board",
        paused=True, **options,
    )  # fmt: skip
    board.control(do="afe", fault={"clock_ppm": ppm})
    board.control(do="pause", on=False)
    store = Store.open(folder / "store.sqlite")

    async def go() -> int:
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            true = backend.clock
            backend.clock = clock = Jumping(true)
            clock.offset = offset
            began = 0.0

            follower = Follower()

            def tell(event: events.Event) -> None:
                nonlocal began
                follower.take(event)
                began = began or (true.now() if isinstance(event, events.Arrived) else 0.0)
                now = true.now() - began if began else 0.0
                enough = now > seconds
                if turn is not None and isinstance(event, events.Arrived):
                    enough = bool(turn(now, clock, board, follower)) and enough
                if enough and isinstance(event, events.Arrived):
                    recorder.stop()

            recorder = Recorder(store, backend, on_event=tell)
            return await asyncio.wait_for(recorder.run(), patience)

    try:
        session = asyncio.run(go())
        status = board.control(do="status")
        assert board.complaints == []
    finally:
        board.stop()
    return store, session, status


def off_by(line: Timeline, status: dict[str, Any], boot: int, ppm: float = 0.0) -> float:
    """Seconds by which the times of a boot's beats are off at most.

    The status tells when the record's first sample was converted, in the board's latest boot.
    """
    beats = line.beats[line.beats["boot"] == boot]
    index = beats["index"] - status["record_start"]
    true = EPOCH + status["record_started_us"] / 1e6 + index / (250 * (1 + ppm * 1e-6))
    return float(np.abs(beats["time"] - true).max())


def bound(line: Timeline) -> float:
    """What no error may exceed (s): half of the slowest question and answer, a sample, and the
    20 ms after which the virtual clock is shown again."""
    slowest = max(point.fields["uncertainty_ms"] for point in line.of("sync"))
    assert slowest < 150
    return float(slowest) / 1000 + 0.004 + 0.020


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks are compared twice a minute here, for a session of minutes."""
    monkeypatch.setattr(module, "SYNC_SECONDS", 15.0)


def test_wraps_of_both_counters_show_nowhere(tmp_path: Path) -> None:
    """The sample index passes 2^32, ticks_ms 2^30, in the middle of a session."""
    store, session, status = record(tmp_path, 90, main="late.py", ticks_ms=2**30 - 60_000)
    with store:
        line = store.timeline(session)
        index = line.beats["index"]
        # In the store the index goes on through 0, where the boot record has it begin.
        assert index[0] < 0 < index[-1], "the wrap was not passed"
        status["record_start"] -= 40 * 250
        assert np.all(np.diff(index) > 0)
        assert not line.of("gap", "fault")
        known = line.beats["rr_ms"] > 0
        steps = np.diff(index, prepend=index[0]) * 4
        assert np.array_equal(line.beats["rr_ms"][known], steps[known].astype(np.float32))
        assert off_by(line, status, 0) < bound(line)
        review = ReviewModel(store, session)
        assert len(review.beats) == len(line.beats)


def test_a_reboot_has_a_clock_of_its_own(tmp_path: Path) -> None:
    done = []

    def turn(now: float, clock: Jumping, board: Board, follower: Follower) -> bool:
        if now > 35 and not done:
            done.append(follower.state.beat_count)
            board.control(do="reset")
        return bool(done) and follower.state.beat_count > done[0] + 30

    store, session, status = record(tmp_path, 70, turn)
    with store:
        line = store.timeline(session)
        assert [fit.device_boot for fit in line.fits] == [1, 2]
        assert all(fit.known for fit in line.fits)
        assert off_by(line, status, 1) < bound(line)
        first, second = (line.beats[line.beats["boot"] == b]["time"] for b in (0, 1))
        assert len(first) > 20
        assert len(second) > 20
        assert first[-1] < second[0], "two boots overlap"
        assert line.beats["rr_ms"][line.beats["boot"] == 1][0] == 0


def test_a_host_clock_that_is_set_in_the_middle(tmp_path: Path) -> None:
    """It is 0.3 s late, then set two hours ahead, then right: the last one is believed."""

    def turn(now: float, clock: Jumping, board: Board, follower: Follower) -> bool:
        clock.offset = -0.3 if now < 50 else 7200.0 if now < 110 else 0.0
        return True

    store, session, status = record(tmp_path, 160, turn, offset=-0.3)
    with store:
        line = store.timeline(session)
        (fit,) = line.fits
        assert fit.jumps == 2
        assert off_by(line, status, 0) < bound(line)
        assert store.session(session).status == "complete"


def test_a_laptop_that_sleeps(tmp_path: Path) -> None:
    """Its lid is closed: nothing runs, the link dies, the clock of durations stands still and the
    other one has gone on. What the monitor kept meanwhile comes, and has its own time."""
    hours, slept, told = 0.6, [], []

    def turn(now: float, clock: Jumping, board: Board, follower: Follower) -> bool:
        if now > 20 and not slept:
            follower.say = told.append
            slept.append(clock.true.ticks())
            board.control(do="radio", range=False)
            board.control(do="speed", value=0)
            limit = time.monotonic() + 600
            while clock.true.ticks() < slept[0] + hours * 3600:
                assert time.monotonic() < limit
                time.sleep(0.02)
            board.control(do="speed", value=SPEED)
            board.control(do="radio", range=True)
            clock.asleep = clock.true.ticks() - slept[0]
        return bool(slept) and follower.behind == 0

    store, session, status = record(tmp_path, hours * 3600 + 60, turn, patience=900)
    with store:
        line = store.timeline(session)
        (fit,) = line.fits
        assert fit.jumps == 0, "a clock that was right all the time was taken to be set"
        assert off_by(line, status, 0) < bound(line)
        assert np.ptp(line.beats["time"]) > hours * 3600
        seqs = np.sort([*line.beats["seq"], *(r.seq for r in line.records if r.seq)])
        assert np.array_equal(seqs, np.arange(seqs[0], seqs[0] + len(seqs)))
        assert not line.of("gap", "dropped")
        assert store.session(session).status == "complete"
    assert any("Connection lost" in text for text in told), told
    assert any("Connected again" in text for text in told), told


def test_an_oscillator_that_is_off_is_found_out(tmp_path: Path) -> None:
    """By 0.4 %, as a front end's own may be: 6 minutes a day. Both times are told, and nobody is
    said to have set the computer's clock."""
    store, session, status = record(tmp_path, 260, ppm=4000)
    with store:
        line = store.timeline(session)
        (fit,) = line.fits
        assert off_by(line, status, 0, ppm=4000.0) < bound(line)
        assert fit.jumps == 0
        raw = line.beats["raw_time"] - line.beats["time"]
        long = line.beats["time"][-1] - line.beats["time"][0]
        assert raw[-1] - raw[0] == pytest.approx(4000e-6 * long, abs=0.05)
        assert fit.drift_ppm == pytest.approx(4000, abs=120)
        print("drift", fit.drift_ppm, "off by", off_by(line, status, 0, 4000.0), bound(line))
