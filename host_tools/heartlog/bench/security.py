"""What encryption costs: bytes and machine code for each frame, and times as ratios."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from heartlog._firmware.monitor.link import wire
from heartlog.bench.sections import Context
from heartlog.image.places import firmware_dir
from heartlog.machine_code import Program

FRAME = 220
"""Bytes of clear text in a full frame."""
FLUSH = 16
"""Bytes that the journal writes in nine seconds of a usual heart (some ten beats)."""
ECG_BYTES_PER_SECOND = 250 * 2
"""The ECG at 250 samples/s, packed without loss: two bytes a sample is an upper bound."""

_TIMING = """
import sys, time, hashlib
sys.path.insert(0, sys.argv[1])
from monitor.link import secure
def best(f, n):
    least = 1 << 60
    for _ in range(7):
        t = time.ticks_us()
        for _ in range(n):
            f()
        least = min(least, time.ticks_diff(time.ticks_us(), t))
    return least / n
text = bytearray(4 + 220 + 8)
channel = secure.Channel(bytes(16))
gate = secure.Gate(bytes(32), 1, time.ticks_diff)
print(best(lambda: hashlib.sha256(text).digest(), 200))
print(best(lambda: channel.seal(3, text, 220), 200))
print(best(lambda: (gate.hello(bytes((1,)) + bytes(16), 0), gate.answer(gate.pending[0], 0)), 50))
"""


class _Aes:
    """MicroPython's `cryptolib.aes` in ECB mode, on the cryptography package; counts blocks."""

    blocks = 0

    def __init__(self, key: bytes, mode: int) -> None:
        if mode != 1:
            raise ValueError("only ECB is used")
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())

    def encrypt(self, source: Any, target: Any) -> None:
        _Aes.blocks += len(source) // 16
        target[:] = self._cipher.encryptor().update(bytes(source))


@contextmanager
def _counting(architecture: str) -> Iterator[Program]:
    """A board's machine code, with AES blocks counted."""
    fake = ModuleType("cryptolib")
    fake.aes = _Aes  # type: ignore[attr-defined]
    had = sys.modules.get("cryptolib")
    sys.modules["cryptolib"] = fake
    try:
        yield Program(architecture, firmware_dir())
    finally:
        if had is None:
            del sys.modules["cryptolib"]
        else:
            sys.modules["cryptolib"] = had


def instructions(architecture: str = "armv6m", length: int = FRAME) -> tuple[int, int]:
    """(viper instructions, AES blocks) to seal a frame of `length` bytes on a board."""
    with _counting(architecture) as program:
        ccm = program.module("monitor.link.ccm").Ccm(bytes(16), length)
        program.processor.instructions = 0
        _Aes.blocks = 0
        ccm.seal(bytes(13), b"\x03", bytearray(length + 8), length)
        return program.processor.instructions, _Aes.blocks


def at_rest(architecture: str = "armv6m", length: int = FLUSH) -> tuple[int, int]:
    """(viper instructions, AES blocks) to seal `length` bytes of the journal on a board."""
    with _counting(architecture) as program:
        cover = program.module("monitor.cover").Cover(0, 0, bytes(16))
        program.processor.instructions = 0
        _Aes.blocks = 0
        cover.over(1, 1, 1, 4, bytearray(1024), 96, 96 + length)
        return program.processor.instructions, _Aes.blocks


def cost(_context: Context) -> Iterator[str]:
    """Bytes and instructions."""
    beat = 2 + wire.SIZE[wire.BEAT]
    each, second = wire.LIVE_HEAD + beat, wire.LIVE_HEAD + 3 * beat
    count, blocks = instructions()
    one, one_blocks = instructions(length=second)
    yield f"beats on the air: {each} bytes each in clear, {second + 12} bytes a second sealed"
    yield f"sealing that second, Cortex-M0+: {one} viper instructions, {one_blocks} AES blocks"
    yield f"a full frame ({FRAME} bytes): {count} viper instructions, {blocks} AES blocks"
    rest, rest_blocks = at_rest()
    yield f"ten beats into the journal: {rest} viper instructions, {rest_blocks} AES block"
    seconds = ECG_BYTES_PER_SECOND / FRAME
    yield (
        f"one second of ECG, at most {ECG_BYTES_PER_SECOND} bytes: {round(count * seconds)} viper"
        f" instructions, {round(blocks * seconds)} AES blocks"
    )


def times(_context: Context) -> Iterator[str]:
    """Times in MicroPython on this computer, as ratios."""
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent))
    if micropython is None:
        yield "not measured: there is no MicroPython unix port here"
        return
    done = subprocess.run(
        [micropython, "-c", _TIMING.replace("sys.argv[1]", repr(str(firmware_dir())))],
        capture_output=True,
        text=True,
        check=True,
    )
    digest, seal, handshake = (float(x) for x in done.stdout.split())
    yield f"sealing a full frame takes {seal / digest:.1f} times as long as its SHA-256"
    yield f"the monitor's part of the handshake takes {handshake / seal:.1f} times as long as that"
