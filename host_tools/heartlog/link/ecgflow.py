"""ECG blocks from frames, without any radio.

    flow = EcgFlow()
    for block in flow.receive(frame): block.first, block.codes

A block whose frames did not all arrive, or whose checksum is bad, is left out and counted: its
number is missing, and it can be asked for again while the monitor has it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from heartlog._firmware.monitor.link import ecg, wire
from heartlog.security.journal import JournalKeys, open_block


class EcgBlock(NamedTuple):
    """Half a second of one channel; `codes` are the converter's (int32)."""

    number: int
    boot: int
    channel: int
    first: int
    """Index of the first sample (u32, counts from the boot)."""
    codes: npt.NDArray[np.int32]


def decode(number: int, data: bytes) -> EcgBlock:
    """The block in these bytes; WireError when they are damaged."""
    _, channel, boot, first, _, _ = ecg.head(data)
    return EcgBlock(number, boot, channel, first, np.array(ecg.decode(data), np.int32))


class EcgFlow:
    """One connection's ECG frames. `taken` counts them (modulo 2^16) for the credits."""

    def __init__(self, journal: int = 0, keys: JournalKeys | None = None) -> None:
        self._journal = journal
        self._keys = keys
        self.taken = 0
        self.damaged = 0
        """Blocks that arrived incomplete, with a bad checksum, or sealed under an unknown key."""
        self.gaps = 0
        """Times that frames were missing."""
        self.streams = 0
        """Streams that the monitor has begun: what comes belongs to the latest."""
        self.losses_before = 0
        """`losses` when it began."""
        self._number = -1
        self._data = bytearray()
        self._broken = True

    @property
    def losses(self) -> int:
        """Counts up whenever a block may have been lost on the way."""
        return self.gaps + self.damaged

    def begun(self) -> None:
        """The monitor has answered that it begins a stream; its frames follow."""
        self.streams += 1
        self.losses_before = self.losses

    def receive(self, frame: bytes) -> list[EcgBlock]:
        """Takes one notification of the ECG characteristic; the blocks that it completed."""
        try:
            version, kind, counter = wire.head(frame)
            if version != wire.VERSION or kind != wire.FRAME_ECG:
                raise wire.WireError("not an ECG frame")
            number, offset, last, data = wire.part(frame)
        except wire.WireError:
            self.damaged += 1
            return []
        if counter != self.taken:
            self._broken = True
            self.gaps += 1
        self.taken = (counter + 1) & 0xFFFF
        if offset == 0:
            if not self._broken and self._data:
                self.damaged += 1  # the one before never ended
            self._number, self._data, self._broken = number, bytearray(), False
        if self._broken or number != self._number or offset != len(self._data):
            if not self._broken or last:
                self.damaged += 1
            self._broken = True
            return []
        self._data += data
        if not last:
            return []
        whole, self._data = bytes(self._data), bytearray()
        self._broken = True
        try:
            clear = open_block(whole, number, self._journal, self._keys)
            if clear is not None:
                return [decode(number, clear)]
        except wire.WireError:
            pass
        self.damaged += 1
        return []
