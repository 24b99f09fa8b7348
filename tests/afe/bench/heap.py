"""What a front end's audit takes from the heap, calls' frames and all that is given back included.

A frame of more than 11 words is put on the heap and freed at the end of the call: no sum of memory
shows it afterwards, and with the heap locked it goes on the stack. So memory is looked at from
within, wherever the audit reaches hardware or waits, less what the models below have taken.
"""

import gc

from monitor.afe import bus as wires


class Meter:
    """Stands where SPI, CS and `time` stood; `most` is what was taken at the worst moment."""

    def __init__(self, spi, cs, clock):
        self.calls = 0
        self.most = 0
        self._spi = spi
        self._cs = cs
        self._clock = clock
        self._base = 0

    def begin(self):
        self._base = gc.mem_alloc()

    def _enter(self):
        self.calls += 1
        now = gc.mem_alloc()
        if now - self._base > self.most:
            self.most = now - self._base
        return now

    def _leave(self, entered):
        self._base += gc.mem_alloc() - entered

    def init(self, baudrate):
        entered = self._enter()
        self._spi.init(baudrate=baudrate)
        self._leave(entered)

    def write(self, tx):
        entered = self._enter()
        self._spi.write(tx)
        self._leave(entered)

    def write_readinto(self, tx, rx):
        entered = self._enter()
        self._spi.write_readinto(tx, rx)
        self._leave(entered)

    def __call__(self, level):
        entered = self._enter()
        self._cs(level)
        self._leave(entered)

    def sleep_us(self, us):
        entered = self._enter()
        self._clock.sleep_us(us)
        self._leave(entered)


def no_heap(board, sampler):
    """Runs an audit that must allocate nothing; -> how often it was looked at."""
    bus = sampler.afe.bus
    spi, cs, clock, anew = bus.spi, bus.cs, wires.time, board.spi
    meter = Meter(spi, cs, clock)
    asked = []

    def again(baudrate, phase=1):
        asked.append(baudrate)
        return meter

    bus.spi = bus.cs = wires.time = meter
    board.spi = again
    gc.collect()
    gc.disable()  # (a collection within would hide what was taken)
    try:
        meter.begin()
        sampler._audit()
        meter.init(spi.baudrate)  # looked at once more
    finally:
        gc.enable()
        bus.spi, bus.cs, wires.time, board.spi = spi, cs, clock, anew
    assert sampler._changed is None
    assert not asked, "the bus was made anew: boards allocate for that"
    assert meter.most == 0, "%d bytes" % meter.most
    return meter.calls
