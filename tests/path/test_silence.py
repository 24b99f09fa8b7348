"""A link that lives and carries nothing: the recorder notices after five seconds, says so,
connects anew, and what was missed comes with the break noted beside it."""

import asyncio
import re
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("virtual_board")
from heartlog._firmware.monitor.link import wire
from heartlog.ble import open_backend
from heartlog.link.monitor import ANSWER_SECONDS, SILENCE_SECONDS
from heartlog.live.progress import Follower
from heartlog.recorder import Recorder, events
from heartlog.recorder import recorder as module
from heartlog.store import Store
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")
FOR_EVER_MS = 100_000_000


@pytest.mark.parametrize(
    ("stack", "listening"), [("nimble", True), ("btstack", False)], ids=["listening", "writing"]
)
def test_silence_is_noticed_told_and_made_good(
    stack: str, listening: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the recorder only listens, or while it acknowledges what it stored."""
    silent = f"The monitor has been silent for {SILENCE_SECONDS:.0f} s."
    if listening:  # it has nothing to write until the connection ends
        for name in ("COMMIT_SECONDS", "COMMIT_RECORDS", "SYNC_SECONDS"):
            monkeypatch.setattr(module, name, 1_000_000)
    said: list[str] = []
    lost: list[events.Lost] = []
    silenced = False
    heard = 0.0
    beats_at_first = 20

    def silence() -> None:
        """Packets stay in the radio from now on; the link itself is kept up."""
        nonlocal silenced
        if not silenced:
            silenced = True
            board.control(do="radio", delay_ms=FOR_EVER_MS)

    def tell(event: events.Event) -> None:
        nonlocal heard
        follower.take(event)
        if isinstance(event, events.Arrived):
            if not lost:
                heard = event.time
            assert recorder.monitor is not None
            flow = recorder.monitor.flow
            no_credits_due = flow is not None and flow.taken - flow._granted_at < 4
            if lost:
                if follower.state.beat_count >= 3 * beats_at_first:
                    recorder.stop()
            elif follower.state.beat_count >= beats_at_first and listening and no_credits_due:
                silence()
        elif isinstance(event, events.Committed):
            if follower.state.beat_count >= beats_at_first and not listening:
                silence()
        elif isinstance(event, events.Lost):
            board.control(do="radio", delay_ms=0)
            if silenced:
                lost.append(event)

    async def go() -> int:
        nonlocal recorder
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            recorder = Recorder(store, backend, on_event=tell)
            async with asyncio.timeout(240):
                return await recorder.run()

    recorder: Recorder
    follower = Follower(say=said.append)
    with (
        Board(record="demo", speed=20, loop=True, bulk=True, stack=stack) as board,
        Store.open(tmp_path / "store.sqlite") as store,
    ):
        began = time.monotonic()
        session = asyncio.run(go())
        print(f"{time.monotonic() - began:.1f} s")
        line = store.timeline(session)
        kept = store.session(session)
        assert board.complaints == []
    assert kept.status == "complete"
    taken = re.fullmatch(
        rf"The monitor has not taken '(.*)' for {ANSWER_SECONDS:.0f} s.", lost[0].reason
    )
    if listening:  # unless credits fell due for what was under way
        assert lost[0].reason == silent or taken
    else:
        assert taken
    assert [text for text in said if text.startswith(f"Connection lost: {lost[0].reason}")]
    assert [text for text in said if text.startswith("Connected again after")]
    # The monitor noted that nobody was there, and nothing is missing of that time.
    links = [(r.fields["action"], r.index) for r in line.of("link")]
    down = next(at for kind, at in links if kind == wire.LINK_DOWN)
    up = next(at for kind, at in links if kind == wire.LINK_UP and at >= down)
    assert up > down
    unheard = (lost[0].time - heard) * 250
    missed = line.beats[(line.beats["index"] > down - unheard) & (line.beats["index"] < up)]
    assert len(missed) >= 3
    seqs = np.sort([*line.beats["seq"], *(r.seq for r in line.records if r.seq)])
    assert np.array_equal(seqs, np.arange(seqs[0], seqs[0] + len(seqs)))
    assert not line.of("gap")
