"""The monitor's side of the record stream, frame by frame, over a journal that lies in RAM."""

from collections.abc import Callable
from typing import Any

import pytest

from heartlog._firmware.monitor.link import wire

PROGRAM = """
import json, sys
sys.path.insert(0, %r)

class Time:
    now = 0x3FFFFFFF - 1500  # wraps meanwhile
    def ticks_ms(self): return self.now & 0x3FFFFFFF
    def ticks_diff(self, a, b): return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000

clock = Time()
sys.modules["time"] = clock
from binascii import hexlify
from monitor.journal import Journal
from monitor.link.stream import RecordStream
from monitor.media import RamMedia

job = json.loads(sys.stdin.readline())
media = RamMedia(4)
for block in range(4):
    media.erase(block)
journal = Journal(media, lambda: 7)
journal.mount()
stream = RecordStream(journal)
buffer = bytearray(244)
out = []
for what, *values in job["work"]:
    if what == "records":
        for _ in range(values[0]):
            journal.append(20, b"record %%06d" %% journal.next_seq, 13)
            journal.step(clock.ticks_ms())
    elif what == "flush": journal.flush()
    elif what == "leave": journal.leave_block()
    elif what == "rot":
        for block in values[0]:
            media._data[block * 4096:(block + 1) * 4096] = bytes(4096)
    elif what == "start": stream.start(values[0])
    elif what == "grant": stream.grant(*values)
    else:  # so many turns, 100 ms apart
        for _ in range(values[0]):
            clock.now += 100
            for _ in range(4):
                n = stream.frame(buffer, 244, clock.ticks_ms())
                if not n:
                    break
                out.append((clock.now, hexlify(buffer[:n]).decode()))
                stream.sent(clock.ticks_ms())
            journal.step(clock.ticks_ms())
print(json.dumps({"frames": out, "next": journal.next_seq, "recent": journal.oldest_recent}))
"""
FIRST_TIME = 0x3FFFFFFF - 1500


@pytest.fixture
def play(firmware_job: Callable[[str, Any], Any]) -> Any:
    """Runs the work; frames as (ms since the beginning, bytes), and numbers of the journal."""

    def run(*work: Any) -> tuple[list[tuple[int, bytes]], dict[str, int]]:
        found = firmware_job(PROGRAM, {"work": work})
        frames = [(at - FIRST_TIME, bytes.fromhex(data)) for at, data in found.pop("frames")]
        return frames, found

    return run


def kinds(frames: list[tuple[int, bytes]]) -> list[int]:
    assert {wire.head(data)[0] for _, data in frames} <= {wire.VERSION}
    return [wire.head(data)[1] for _, data in frames]


def test_a_link_on_which_nothing_happens_is_never_silent(play: Any) -> None:
    frames, after = play(("start", 1), ("grant", 0, 20), ("turns", 150))
    quiet = [f for f in frames if wire.head(f[1])[1] == wire.FRAME_IDLE]
    assert [at for at, _ in quiet] == list(range(quiet[0][0], 15_001, 2000))
    assert quiet[0][0] <= 2200
    assert {wire.number(data, 0) for _, data in quiet} == {after["next"]}
    assert [wire.head(data)[2] for _, data in frames] == list(range(len(frames)))


def test_what_flash_does_not_give_back_is_skipped_and_the_rest_comes(play: Any) -> None:
    frames, after = play(
        ("records", 300), ("leave",), ("rot", [0, 1, 2, 3]),
        ("start", 1), ("grant", 0, 20), ("turns", 20),
    )  # fmt: skip
    assert kinds(frames)[:2] == [wire.FRAME_SKIP, wire.FRAME_LIVE]
    assert wire.number(frames[0][1], 1) == after["recent"] > 200
    told = [s for _, data in frames if wire.head(data)[1] == wire.FRAME_LIVE
            for s, _, _ in wire.live_records(data)]  # fmt: skip
    assert told == list(range(after["recent"], after["next"]))


@pytest.mark.parametrize("block", [0, 1])
def test_a_block_that_does_not_read_costs_only_what_was_in_it(play: Any, block: int) -> None:
    frames, after = play(
        ("records", 900), ("flush",), ("rot", [block]),
        ("start", 1), ("grant", 0, 32), ("turns", 20), ("grant", 30, 32), ("turns", 20),
    )  # fmt: skip
    whole, _ = play(
        ("records", 900), ("flush",),
        ("start", 1), ("grant", 0, 32), ("turns", 20), ("grant", 30, 32), ("turns", 20),
    )  # fmt: skip
    pages = {wire.part(data)[0] for _, data in frames if wire.head(data)[1] == wire.FRAME_PAGE}
    those = {wire.part(data)[0] for _, data in whole if wire.head(data)[1] == wire.FRAME_PAGE}
    assert those - pages == {n for n in those if n // 16 == block}
    told = kinds(frames)
    assert wire.FRAME_SKIP not in told[: len(told) - told[::-1].index(wire.FRAME_PAGE)]
    assert after["next"] == 901


def test_no_more_goes_out_than_there_is_credit_for(play: Any) -> None:
    begun = (("records", 900), ("flush",), ("start", 1))
    frames, _ = play(*begun, ("turns", 10))
    assert not frames, "before any credit"
    frames, _ = play(*begun, ("grant", 0, 8), ("turns", 10))
    assert kinds(frames) == [wire.FRAME_PAGE] * 6, "two places are kept for what happens"
    frames, _ = play(*begun, ("grant", 0, 8), ("turns", 10), ("records", 3), ("turns", 10))
    assert kinds(frames) == [wire.FRAME_PAGE] * 6 + [wire.FRAME_LIVE]
    frames, _ = play(*begun, ("grant", 0, 255), ("turns", 50))
    assert len(frames) == 30, "32 at the most, whatever is granted"


def test_credit_for_frames_that_never_went_is_none(play: Any) -> None:
    begun = (("records", 900), ("flush",), ("start", 1), ("grant", 0, 8), ("turns", 10))
    before, _ = play(*begun)
    for taken in (len(before) + 1, 0x7000):
        frames, _ = play(*begun, ("grant", taken, 8), ("turns", 10))
        assert len(frames) == len(before)
    frames, _ = play(*begun, ("grant", len(before), 8), ("turns", 10))
    assert len(frames) == 2 * len(before)
