"""The host's side of the ECG stream, frame by frame: what is whole is taken, the rest counted."""

import struct
from array import array

import numpy as np
import pytest

from heartlog._firmware.monitor.link import ecg, wire
from heartlog._firmware.monitor.link.pack import crc_hqx
from heartlog.link.ecgflow import EcgBlock, EcgFlow

CODES = list(range(-40, 85))


def block(first: int) -> bytes:
    """A block of samples as they are, three bytes each."""
    head = struct.pack(ecg.FORMAT, ecg.VERSION << 4 | ecg.RAW, 1, 3, first, len(CODES), CODES[0])
    body = b"".join(code.to_bytes(3, "big", signed=True) for code in CODES)
    crc = crc_hqx(head + body, 0xFFFF)
    return head + body + crc.to_bytes(2, "little")


def frames(counter: int, *numbers: int, size: int = 150) -> list[bytes]:
    """These blocks in frames of so many bytes of them."""
    out = []
    for number in numbers:
        data = block(125 * number)
        for at in range(0, len(data), size):
            last = wire.LAST_PART if at + size >= len(data) else 0
            out.append(
                struct.pack(
                    "<BHIH",
                    wire.VERSION << 4 | wire.FRAME_ECG,
                    (counter + len(out)) & 0xFFFF,
                    number,
                    at | last,
                )
                + data[at : at + size]
            )
    return out


def take(flow: EcgFlow, some: list[bytes]) -> list[EcgBlock]:
    return [found for frame in some for found in flow.receive(frame)]


def numbers(found: list[EcgBlock]) -> list[int]:
    return [one.number for one in found]


def test_blocks_in_several_frames_come_whole() -> None:
    flow = EcgFlow()
    found = take(flow, frames(0, 7, 8))
    assert numbers(found) == [7, 8]
    one = found[0]
    assert (one.boot, one.channel, one.first) == (3, 1, 875)
    assert one.codes.dtype == np.int32
    assert array("i", one.codes.tolist()) == array("i", CODES)
    assert (flow.taken, flow.losses) == (6, 0)


@pytest.mark.parametrize("lost", range(9))
def test_a_lost_frame_costs_its_own_block_only(lost: int) -> None:
    flow = EcgFlow()
    some = frames(0, 7, 8, 9)
    assert len(some) == 9
    found = take(flow, some[:lost] + some[lost + 1 :])
    assert numbers(found) == [n for n in (7, 8, 9) if n != 7 + lost // 3]
    if lost < 8:  # of the very last one nobody knows yet
        assert flow.losses >= 1
        assert flow.gaps == 1
    assert numbers(take(flow, frames(9, 10))) == [10]
    assert flow.gaps == 1


def test_frames_are_counted_over_the_wrap() -> None:
    flow = EcgFlow()
    flow.taken = 0xFFFE
    assert numbers(take(flow, frames(0xFFFE, 7, 8))) == [7, 8]
    assert (flow.taken, flow.losses) == (4, 0)


def test_a_stream_that_begins_anew_leaves_the_block_before_unfinished() -> None:
    flow = EcgFlow()
    found = take(flow, frames(0, 7)[:2] + frames(2, 9))
    assert numbers(found) == [9]
    assert (flow.gaps, flow.damaged) == (0, 1)
    flow.begun()
    assert (flow.streams, flow.losses_before) == (1, 1)


def test_what_is_damaged_or_no_frame_of_ours_is_counted() -> None:
    for spoil in range(3):
        flow = EcgFlow()
        some = frames(0, 7)
        some[spoil] = some[spoil][:-1] + bytes((some[spoil][-1] ^ 1,))
        assert not take(flow, some)
        assert flow.damaged == 1
    flow = EcgFlow()
    for nonsense in (b"", b"\x13", bytes(20), frames(0, 7)[0][:5]):
        assert not flow.receive(nonsense)
    assert flow.damaged == 4
    middle = frames(0, 7)[1:]
    assert not take(EcgFlow(), middle), "it did not begin here"


def test_a_block_that_another_key_sealed_is_counted_and_passed_over() -> None:
    flow = EcgFlow(journal=5)
    data = block(0)
    sealed = bytes((data[0] + 0x10,)) + data[1:] + bytes(4)
    code = wire.VERSION << 4 | wire.FRAME_ECG
    assert not flow.receive(struct.pack("<BHIH", code, 0, 7, wire.LAST_PART) + sealed)
    assert flow.damaged == 1
