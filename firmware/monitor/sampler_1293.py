"""The sampler for ADS1293: each frame is a command of its own, and codes are offset binary.

    sampler = Sampler1293(afe, board)     # then as `sampler.Sampler`, at `afe.conversion_rate`

Lead-off is told in a register, not in the frames: it is read after every eighth frame, and its
bits go where a frame's status has them.
"""

import time

import micropython
from micropython import const
from monitor import sampler_core as core
from monitor.afe.ads1293 import LOOP, READ
from monitor.sampler import Sampler

_ERROR_LOD = const(0x18)
_EVERY = const(7)  # frames less one, a power of two less one


@micropython.viper
def centre(block, n: int, middle: int):
    """Offset binary to codes around zero: no sign extension, mid-scale subtracted."""
    b = ptr32(block)
    i = 0
    while i < n:
        b[i] = (int(b[i]) & 0xFFFFFF) - middle
        i += 1


class Sampler1293(Sampler):
    """Delivers the part's own rates; `resample.Resampled` makes those of the detector of them."""

    def __init__(self, afe, board, seconds=1):
        super().__init__(afe, board, seconds)
        self._tx = bytearray(afe.part.frame_bytes)
        self._tx[0] = READ | LOOP
        self._lod_tx = bytes((READ | _ERROR_LOD, 0))
        self._lod = bytearray(2)
        self._look_at_leads = afe.sensed_inputs() != 0
        self._turn = 0
        self._cs = afe.cs
        self._middle = afe.adc_max // 2

    def _on_drdy(self, pin):
        # Hard interrupt: nothing here may allocate.
        if self._drdy() or (self._hold and pin is not None):
            return
        rx = self._rx
        self._cs(0)
        self._spi.write_readinto(self._tx, rx)
        self._cs(1)
        if not self._drdy():
            # The next conversion is there already: it replaced the bits while they were read.
            rx[0] = core.TORN
            rx[1] = 0
        else:
            if self._look_at_leads:
                self._turn = turn = (self._turn + 1) & _EVERY
                if turn == 0:
                    self._cs(0)
                    self._spi.write_readinto(self._lod_tx, self._lod)
                    self._cs(1)
            rx[0] = self._lod[1]  # what came during the command byte means nothing
        core.store(rx, self._ring, self._state, time.ticks_us())

    def take(self):
        n = super().take()
        for channel in self.channels:
            centre(channel, n, self._middle)
        return n
