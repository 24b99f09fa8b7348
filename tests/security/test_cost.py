"""What sealing costs on a Cortex-M0+, as a ratchet."""

from heartlog.bench.security import FRAME, instructions

FULL_FRAME = {"armv6m": 24_756, "armv7emsp": 25_412, "rv32imc": 21_438}
"""Viper instructions for a frame of 220 bytes: should not get worse."""


def test_sealing_a_full_frame_stays_cheap() -> None:
    count, blocks = instructions()
    assert count <= FULL_FRAME["armv6m"]
    # CBC-MAC: B0, header, 14 text blocks; CTR: 15 (RFC 3610).
    assert blocks == 2 + -(-FRAME // 16) + 1 + -(-FRAME // 16)


def test_every_architecture_seals() -> None:
    counts = {architecture: instructions(architecture)[0] for architecture in FULL_FRAME}
    assert all(0 < n <= FULL_FRAME[a] for a, n in counts.items()), counts
