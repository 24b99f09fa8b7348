"""What the sealed frames of a paired monitor look like from outside: nobody who watches the radio
may tell from their times or lengths when the heart beats."""

import random
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from tests.link.bench import Device

from heartlog._firmware.monitor.link import wire
from heartlog.link.flow import RecordFlow

STEP = 50  # ms


def seen_from_outside(
    device: Device, mtu: int, even: bool
) -> tuple[list[tuple[int, int]], RecordFlow, int]:
    """A minute of an irregular heart: (time, length) of each frame, the host, its records."""
    rng = random.Random(1)
    if even:
        device.say("e")
    device.say("c 1")
    device.say(f"m 1 {mtu}")
    at = device.info()["next"]
    flow = RecordFlow(1, 0x12345678, at - 1)
    device.say("w 1 " + flow.report(2).hex())
    frames, taken, sample, due = [], 0, 0, 0
    for now in range(0, 60_000, STEP):
        if now >= due:
            due = now + rng.randrange(350, 1600)
            rr, sample = now // 4 - sample, now // 4
            body = struct.pack("<IHHBBB", sample, rr, wire.round_amplitude(900), 24, 100, 0)
            device.say(f"r {wire.BEAT} {body.hex()}")
        if (grant := flow.grant()) is not None:
            device.say("w 1 " + grant.hex())
        for kind, data in device.step(STEP):
            if kind == "a":
                flow.reported()
            elif kind == "n":
                frames.append((now, len(data)))
                batch = flow.receive(data)
                taken += len(batch.records)
                assert not batch.missing
                assert not batch.early
    return frames, flow, taken


@pytest.mark.parametrize("mtu", [185, 50, 30])
def test_frames_do_not_tell_when_the_heart_beats(
    repository: Path, micropython: str, tmp_path: Path, mtu: int
) -> None:
    with Device(micropython, repository, tmp_path) as device:
        frames, flow, taken = seen_from_outside(device, mtu, True)
        made = device.info()["next"]
    assert flow.lost_frames == 0
    assert taken > 50
    assert flow.next_seq >= made - 2, "what the last second brought waits for its frame"
    times, lengths = zip(*frames[5:], strict=True)  # the stream begins with what it has
    if mtu > 60:
        assert {b - a for a, b in pairwise(times)} == {1000}
        assert set(lengths) == {wire.LIVE_HEAD + 3 * (2 + wire.SIZE[wire.BEAT])}


def test_a_monitor_for_the_bench_tells_each_beat_at_once(
    repository: Path, micropython: str, tmp_path: Path
) -> None:
    with Device(micropython, repository, tmp_path) as device:
        frames, flow, taken = seen_from_outside(device, 185, False)
        assert flow.next_seq == device.info()["next"]
    assert len({b - a for (a, _), (b, _) in pairwise(frames)}) > 10
    assert taken > 50
