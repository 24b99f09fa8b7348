"""Bytes that no honest peer sends: neither side crashes, hangs, grows, or believes them."""

import os
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.link.bench import Device, Host
from tests.link.test_torture import check, settle

from heartlog._firmware.monitor.link import wire
from heartlog.link.ecgflow import EcgFlow
from heartlog.link.flow import RecordFlow

WRITES = int(os.environ.get("HEARTLOG_FUZZ", "2000"))


def nonsense(rng: random.Random) -> bytes:
    """A write that is random, or nearly right: an opcode with wrong length or wild operands."""
    how = rng.randrange(4)
    if how == 0:
        return rng.randbytes(rng.randrange(245))
    opcode = rng.choice(sorted(wire.COMMANDS))
    size = wire.OPERAND_SIZE[opcode]
    if how == 1:
        size = max(0, size + rng.randrange(-2, 3))
    body = bytes(rng.choice((0, 1, 2, 3, 127, 128, 254, 255)) for _ in range(size))
    return bytes([opcode, rng.randrange(256)]) + (rng.randbytes(size) if how == 2 else body)


def test_the_monitor_takes_any_write(repository: Path, micropython: str, tmp_path: Path) -> None:
    """Thousands of wild writes between honest work: nothing breaks, the heap stays as it was, and
    every record still arrives once."""
    rng = random.Random(11)
    host = Host(rng)
    with Device(micropython, repository, tmp_path) as device:
        host.connection(device, 20, 0.0, chaos=False)
        device.step(1000)
        before = device.info()["heap"]
        for i in range(WRITES):
            if i % 40 == 0:
                device.say("d 1")
                device.step(20)
                device.say("c 1")
                device.say(f"m 1 {rng.choice((23, 247, 0, 5, 65535))}")
            device.say("w 1 " + nonsense(rng).hex())
            if i % 7 == 0:
                device.step(rng.randrange(300))
            if i % 50 == 0:
                device.say("b 3")
        device.say("d 1")
        device.step(10000)
        after = device.info()
        assert after["refused"] > WRITES // 10
        assert after["heap"] < before + 2048
        host.watermark = max(host.store, default=0)
        settle(device, host)
        truth = device.truth()
        assert all(
            s in truth or r.kind in (wire.SYNC, wire.DROPPED) for s, r in host.store.items()
        )
        assert len(host.store) >= len([s for s in truth if s <= host.watermark])
    assert callable(check)


frames = st.lists(
    st.binary(max_size=60)
    | st.builds(
        lambda kind, counter, rest: bytes([wire.VERSION << 4 | kind, counter & 255, 0]) + rest,
        st.integers(0, 15),
        st.integers(0, 20),
        st.binary(max_size=280),
    ),
    max_size=20,
)


@settings(max_examples=400)
@given(frames, st.booleans())
def test_the_host_takes_any_frame(some: list[bytes], reported: bool) -> None:
    """Whatever comes, numbers only rise, none twice, and nothing is raised."""
    flow = RecordFlow(boot=1, journal=2, after=10)
    flow.report()
    if reported:
        flow.reported()
    last = 10
    for frame in some:
        batch = flow.receive(frame)
        for record in batch.records:
            assert record.seq > last
            last = record.seq
        assert flow.next_seq > last or last == 10
        grant = flow.grant()
        assert grant is None or len(grant) == 7
    ecg = EcgFlow()
    for frame in some:
        for block in ecg.receive(frame):
            assert len(block.codes) <= 500
