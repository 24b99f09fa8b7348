"""Old and new at either end: what one side does not know of the other harms nothing."""

from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.link.flow import RecordFlow
from heartlog.link.records import decode
from heartlog.store import Store
from heartlog.store.types import from_wire

UNKNOWN = 29
"""A record type that no version has given yet (types are five bits)."""


def live(*records: tuple[int, bytes], seq: int = 11, version: int = wire.VERSION) -> bytes:
    """A LIVE frame with these records, as a monitor sends it."""
    frame = bytearray(244)
    at = wire.put_live_begin(frame, 0, seq)
    for kind, body in records:
        at = wire.put_record(frame, at, kind, body, len(body))
        assert at
    frame[0] = version << 4 | wire.FRAME_LIVE
    return bytes(frame[:at])


def beat(sample: int) -> bytes:
    values = {"sample": sample, "rr": 200, "amplitude_uv": 900, "width": 10, "confidence": 100}
    return bytes(wire.encode(wire.BEAT, {**values, "flags": 0}))


def flow() -> RecordFlow:
    made = RecordFlow(boot=1, journal=2, after=10)
    made.report()
    made.reported()
    return made


def test_a_type_of_a_newer_monitor_is_kept_and_passed_over(tmp_path: Path) -> None:
    """Its bytes go into the store under its number; what follows comes as if it were known."""
    assert UNKNOWN not in wire.RECORDS
    batch = flow().receive(live((wire.BEAT, beat(5)), (UNKNOWN, b"\x01future"), (1, beat(205))))
    assert [r.seq for r in batch.records] == [11, 12, 13]
    assert [r.name for r in batch.records] == ["beat", f"type {UNKNOWN}", "beat"]
    with Store.open(tmp_path / "s.sqlite") as store:
        session = store.open_session("aa", started_at=1.0)
        assert store.append(session.id, batch.records) == 3
        assert len(store.beats(session.id)) == 2
        (kept,) = store.records(session.id, "unknown")
        assert (kept.seq, kept.raw) == (12, b"\x01future")
        assert store.committed_seq("aa", 0, 11) == 13


@pytest.mark.parametrize("kind", sorted(wire.RECORDS))
def test_fields_that_a_newer_minor_version_appends_are_not_read(kind: int) -> None:
    name, _, names = wire.RECORDS[kind]
    values = dict.fromkeys(names, 1)
    body = bytes(wire.encode(kind, values))
    plain, longer = decode(7, kind, body, 1), decode(7, kind, body + b"\xfe\xff", 1)
    assert plain.name == longer.name == name
    assert plain.values == longer.values


@pytest.mark.parametrize("kind", sorted(wire.RECORDS))
def test_a_record_of_an_older_monitor_that_is_too_short_keeps_its_bytes(kind: int) -> None:
    """Rather no values than wrong ones; it is counted and stored like any other."""
    short = decode(7, kind, bytes(wire.SIZE[kind] - 1), 1)
    assert (short.seq, short.values) == (7, {})
    kept = from_wire(7, short.name, 1, short.values, short.body)
    assert kept.kind == "unknown"
    assert kept.raw == short.body


def test_a_frame_of_another_major_version_is_not_believed() -> None:
    host = flow()
    batch = host.receive(live((wire.BEAT, beat(5)), version=wire.VERSION + 1))
    assert not batch.records
    assert host.unreadable == 1
    assert host.next_seq == 11


@pytest.mark.parametrize("opcode", sorted(o for o, row in wire.COMMANDS.items() if row[2]))
def test_operands_that_a_newer_monitor_adds_to_an_answer_are_not_read(opcode: int) -> None:
    size = wire.calcsize(wire.COMMANDS[opcode][2])
    plain = (
        bytes((opcode | 0x80, 9, wire.OK)) + bytes(range(size % 256)) + bytes(256)[: size - 255]
    )
    plain = plain[: 3 + size]
    assert wire.answer(plain + b"\xaa\xbb") == wire.answer(plain)


def test_a_command_that_an_older_monitor_lacks_is_refused_in_words() -> None:
    from heartlog.link import RequestRefused

    answer = bytes((wire.ECG_SET | 0x80, 5, wire.NO_OPCODE))
    _, _, result, operands = wire.answer(answer)
    assert operands == ()
    refused = RequestRefused(wire.ECG_SET, result)
    assert "refused 'ecg': opcode not supported" in refused.message
    assert "older" in refused.hint


def test_a_status_with_more_fields_reads_as_before() -> None:
    data = bytes(range(wire.STATUS_SIZE))
    assert wire.status(data + b"more") == wire.status(data)
    with pytest.raises(wire.WireError):
        wire.status(data[:-1])
