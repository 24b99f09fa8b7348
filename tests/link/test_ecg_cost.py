"""What packing the ECG costs on each processor, and that all of them pack the same bytes."""

from array import array
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import ecg
from heartlog.machine_code import Program
from heartlog.machine_code.cost import five_minutes

SECONDS = 20
# Instructions a sample, a ratchet: may fall, must not rise.
MOST = {"armv6m": 505, "armv7emsp": 500, "rv32imc": 425}


def pack(architecture: str, firmware: Path) -> tuple[bytes, float]:
    """(payloads, instructions a sample) of some seconds of a real ECG."""
    program = Program(architecture, firmware)
    packer = program.module("monitor.ecgpack")
    codes = five_minutes()[: SECONDS * 250]
    out, scratch, payload = bytearray(2000), array("i", bytes(64)), b""
    before = program.processor.instructions
    for at in range(0, len(codes), 125):
        block = array("i", codes[at : at + 125].tolist())
        order = packer.order_of(block, 125)
        end = packer.encode(block, 125 << 2 | order, scratch, out, 0)
        payload += bytes([order, end & 255]) + bytes(out[:end])
    return payload, (program.processor.instructions - before) / len(codes)


def test_instructions_a_sample_and_the_same_bytes(repository: Path) -> None:
    found = {a: pack(a, repository / "firmware") for a in MOST}
    payloads = {payload for payload, _ in found.values()}
    assert len(payloads) == 1
    size = len(payloads.pop()) + SECONDS * 2 * (ecg.HEAD + ecg.TAIL - 2)
    print(f"{SECONDS * 750 / size:.2f} to 1;", {a: round(n, 1) for a, (_, n) in found.items()})
    for architecture, (_, instructions) in found.items():
        assert instructions <= MOST[architecture]
    assert SECONDS * 750 / size == pytest.approx(1.81, abs=0.02)
