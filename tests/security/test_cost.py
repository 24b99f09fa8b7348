"""What sealing costs on a Cortex-M0+, as a ratchet."""

from heartlog.bench.security import FRAME, instructions

FULL_FRAME = 24_800
"""Viper instructions for a frame of 220 bytes: should not get worse."""


def test_sealing_a_full_frame_stays_cheap() -> None:
    count, blocks = instructions()
    assert count <= FULL_FRAME
    # CBC-MAC: B0, header, 14 text blocks; CTR: 15 (RFC 3610).
    assert blocks == 2 + -(-FRAME // 16) + 1 + -(-FRAME // 16)


def test_every_architecture_seals() -> None:
    counts = {a: instructions(a)[0] for a in ("armv6m", "armv7emsp", "rv32imc")}
    assert all(0 < n <= FULL_FRAME for n in counts.values()), counts
