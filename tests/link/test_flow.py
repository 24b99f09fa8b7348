"""The host's side of the record stream, frame by frame: what counts, what is asked again."""

import struct

from heartlog._firmware.monitor.link import wire
from heartlog.link.flow import RecordFlow


def begun(after: int = 10, window: int = 24) -> RecordFlow:
    """A host that has asked for what follows a number, and been answered."""
    flow = RecordFlow(boot=1, journal=2, after=after, window=window)
    flow.report()
    flow.reported()
    return flow


def beats(counter: int, seq: int, count: int = 1) -> bytes:
    frame = bytearray(244)
    at = wire.put_live_begin(frame, counter, seq)
    values = {"rr": 200, "amplitude_uv": 900, "width": 10, "confidence": 100, "flags": 0}
    for n in range(count):
        body = wire.encode(wire.BEAT, {"sample": 200 * (seq + n), **values})
        at = wire.put_record(frame, at, wire.BEAT, body, len(body))
    return bytes(frame[:at])


def idle(counter: int, next_seq: int = 11) -> bytes:
    return struct.pack("<BHI", wire.VERSION << 4 | wire.FRAME_IDLE, counter, next_seq)


def skip(counter: int, first: int, following: int) -> bytes:
    code = wire.VERSION << 4 | wire.FRAME_SKIP
    return struct.pack("<BHII", code, counter, first, following)


def part(counter: int, number: int, offset: int, data: bytes) -> bytes:
    code = wire.VERSION << 4 | wire.FRAME_PAGE
    return struct.pack("<BHIH", code, counter, number, offset) + data


def test_what_is_repeated_is_passed_over_and_nothing_is_told_missing() -> None:
    flow = begun()
    first, again = flow.receive(beats(0, 11, 3)), flow.receive(beats(1, 12, 3))
    assert [r.seq for r in first.records + again.records] == [11, 12, 13, 14]
    assert not first.missing
    assert not again.missing
    assert again.newest == 14
    assert not flow.must_report


def test_numbers_that_are_gone_are_told_once_and_only_ahead() -> None:
    flow = begun()
    flow.receive(beats(0, 11, 3))
    assert flow.receive(skip(1, 0, 20)).missing == [(14, 19)]
    assert flow.next_seq == 20
    for counter, late in ((2, skip(2, 0, 20)), (3, skip(3, 0, 15)), (4, skip(4, 25, 30))):
        batch = flow.receive(late)
        assert not batch.missing, counter
        assert flow.next_seq == 20
    assert [r.seq for r in flow.receive(beats(5, 20)).records] == [20]


def test_a_skip_of_the_stream_before_is_not_believed() -> None:
    flow = begun()
    flow.report()
    assert not flow.receive(skip(0, 0, 20)).missing
    assert flow.next_seq == 11


def test_a_lost_frame_is_counted_and_the_stream_begun_anew() -> None:
    flow = begun()
    flow.receive(idle(0))
    flow.receive(beats(4, 11))
    assert flow.lost_frames == 3
    assert flow.must_report
    assert flow.taken == 5
    flow.report()
    assert not flow.receive(part(5, 16, 0, bytes(64))).newest, "of the stream that was given up"
    assert not flow.must_report


def test_a_part_that_does_not_follow_is_asked_for_again() -> None:
    for wrong in (part(1, 16, 32, bytes(20)), part(1, 20, 20, bytes(20))):
        flow = begun()
        flow.receive(part(0, 16, 0, bytes(20)))
        assert not flow.must_report
        flow.receive(wrong)
        assert flow.must_report
        assert flow.damaged_pages <= 1


def test_credits_come_with_every_half_window_over_the_wrap_of_the_count() -> None:
    flow = begun(window=8)
    assert flow.grant() == wire.command(wire.GRANT, 0, 0, 0, 8)
    sent = 0
    for n in range(0x10000 + 40):
        flow.receive(idle(n & 0xFFFF))
        assert flow.taken == (n + 1) & 0xFFFF
        packet = flow.grant(7, 3)
        assert (packet is not None) == (n % 4 == 3), n
        if packet is not None:
            assert packet == wire.command(wire.GRANT, 7, (n + 1) & 0xFFFF, 3, 8)
            sent += 1
    assert sent == (0x10000 + 40) // 4
    assert flow.grant() is None
    assert flow.grant(force=True) is not None
    assert flow.lost_frames == 0
