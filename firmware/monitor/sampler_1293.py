"""The sampler for ADS1293: each frame is a command of its own, and codes are offset binary.

sampler = Sampler1293(afe, board)     # then as `sampler.Sampler`
"""

import time

import micropython
from monitor import sampler_core as core
from monitor.afe.ads1293 import LOOP, READ
from monitor.sampler import Sampler


@micropython.viper
def centre(block, n: int, middle: int):
    """Offset binary to codes around zero: no sign extension, mid-scale subtracted."""
    b = ptr32(block)
    i = 0
    while i < n:
        b[i] = (int(b[i]) & 0xFFFFFF) - middle
        i += 1


class Sampler1293(Sampler):
    def __init__(self, afe, board, seconds=1):
        super().__init__(afe, board, seconds)
        self._tx = bytearray(afe.part.frame_bytes)
        self._tx[0] = READ | LOOP
        self._cs = afe.cs
        self._middle = afe.adc_max // 2

    def _on_drdy(self, pin):
        if self._hold or self._drdy():
            return
        self._cs(0)
        self._spi.write_readinto(self._tx, self._rx)
        self._cs(1)
        # What came during the command byte means nothing.
        self._rx[0] = 0 if self._drdy() else core.TORN
        core.store(self._rx, self._ring, self._state, time.ticks_us())

    def take(self):
        n = super().take()
        for channel in self.channels:
            centre(channel, n, self._middle)
        return n
