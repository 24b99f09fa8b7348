"""The sampler of RP2040 and RP2350: a PIO state machine reads each frame, DMA stores it.

    sampler = PioSampler(afe, board)      # used as `sampler.Sampler`

The state machine waits for DRDY, clocks one frame in SPI mode 1 and hands its bytes to a DMA
channel that writes them into a ring of bytes: no processor, no jitter, and no loss while a flash
erase holds interrupts off for 45 ms. Frames are unpacked when they are taken. What can still be
lost is what the consumer leaves in the ring for longer than it holds, and frames out of sync.

CS stays low, DIN low; SCK belongs to the state machine while it runs and to the SPI peripheral for
register access (audits and recoveries). To make a state machine takes MicroPython several
milliseconds on an RP2040, so an audit lets it stand still and only moves SCK away from it and back
(`_lend`, `_resume`). What an audit makes it miss all the same is told by the clock and by DRDY, as
a gap where it is.
"""

import time
from array import array

import rp2
import uctypes
from machine import Pin
from micropython import const
from monitor import pio_core as pio
from monitor import sampler_core as core
from monitor.afe import errors
from monitor.sampler import BLOCK, Sampler
from monitor.sampler_watch import AUDIT_MS, FASTEST_US

# Bytes a DMA channel moves before it has to be started again. 28 bits: in those above them an
# RP2350 keeps the mode (its data sheet, 12.6.2; 3 is reserved).
_FULL = const(0x0FFFFFFF)
_LOW = const(0x100000)
# Instructions as numbers (RP2040 data sheet, 3.4): a string would be assembled at every start.
_PULL = const(0x80A0)  # pull()
_MOV_Y_OSR = const(0xA047)  # mov(y, osr)


class PioSampler(Sampler):
    """`machine_number` chooses one of the eight state machines of PIO0 and PIO1."""

    def __init__(self, afe, board, seconds=1, machine_number=0):
        super().__init__(afe, board, 0)
        part = afe.part
        size = 256
        bits = 8
        while size < afe.rate * seconds * part.frame_bytes or size < 4 * BLOCK * part.frame_bytes:
            size *= 2
            bits += 1
        # DMA wraps at a multiple of the ring's size: memory twice as large holds one.
        self._memory = bytearray(2 * size)
        start = uctypes.addressof(self._memory)
        self._address = (start + size - 1) & ~(size - 1)
        self._raw = uctypes.bytearray_at(self._address, size)
        self._size = size
        self._frame_bytes = part.frame_bytes
        self._unpack = array(
            "i",
            (
                0,
                size - 1,
                part.frame_bytes,
                part.status_bytes,
                part.sample_bytes,
                part.sync_mask,
                part.sync,
            ),
        )
        self._holds = size // part.frame_bytes - 2
        self._number = machine_number
        pins = board.PINS
        self._program = pio.program(pins["DRDY"])
        self._sck_number = pins["SCK"]
        self._sck = Pin(self._sck_number)
        self._mosi = pins["MOSI"]
        self._miso = Pin(pins["MISO"])
        self._dma = rp2.DMA()
        # DREQ_PIO0_RX0 = 4, DREQ_PIO1_RX0 = 12 (RP2040 data sheet, table 120).
        block, index = divmod(machine_number, 4)
        self._treq = 4 + 8 * block + index
        # RXF0 of PIO0 at 0x50200020, PIO1 0x100000 further.
        self._fifo = 0x50200020 + 0x100000 * block + 4 * index
        self._control = self._dma.pack_ctrl(
            size=0,
            inc_read=False,
            inc_write=True,
            ring_size=bits,
            ring_sel=True,
            treq_sel=self._treq,
        )
        self._sck_use = (Pin.ALT_PIO0, Pin.ALT_PIO1)[block]
        self._cut = 0  # bytes of this DMA run before the place where an audit lost samples
        self._cut_lost = 0
        self._taken = 0  # bytes of this DMA run that were taken
        self._vouched = 0  # bytes of it that came before the last audit that found all well
        self._pending = 0
        self._reason = 0
        self._seen_us = 0

    def run(self):
        """Starts conversions, DMA and the state machine; AfeError when no frame comes."""
        afe = self.afe
        rate = afe.rate
        self._period_us = 1000000 // rate
        self._stall_ms = max(300, 8000 // rate + 1)
        self._unpack[pio.AT] = 0
        self._taken = self._vouched = 0
        self._cut_lost = 0
        self._dma.config(
            read=self._fifo,
            write=self._address,
            count=_FULL,
            ctrl=self._control,
            trigger=True,
        )
        afe.start()
        self._connect()
        self.running = True
        limit = afe.settling_ms() + 20 + 4000 // rate
        begun = time.ticks_ms()
        while self._dma.count == _FULL:
            if time.ticks_diff(time.ticks_ms(), begun) > limit:
                self.halt()
                raise errors.no_drdy(limit)
            time.sleep_ms(1)
        now = time.ticks_ms()
        self._last_count = self._dma.count
        self._tune_ms = now
        self._moved_ms = now
        self._looked_ms = now
        self._newest_ms = now
        self._audit_ms = now
        self._state[core.BAD_RUN] = 0

    def halt(self):
        """Stops the state machine, then the conversions; what was not taken becomes a gap."""
        self._silence()
        self.running = False
        self.afe.stop()
        self._drop()

    def _connect(self):
        """SCK to the state machine, DIN low; it starts with the next DRDY."""
        Pin(self._mosi, Pin.OUT, value=0)
        baudrate = self.afe.bus.sample_baudrate
        self._machine = machine = rp2.StateMachine(
            self._number,
            self._program,
            freq=pio.CYCLES * baudrate,
            in_base=self._miso,
            sideset_base=self._sck,
        )
        machine.put(8 * self._frame_bytes - 1)
        machine.exec(_PULL)
        machine.exec(_MOV_Y_OSR)
        machine.active(1)

    def _lend(self):
        """Gives SCK and DIN to the SPI peripheral, between two frames; nothing is made anew."""
        self._machine.active(0)
        Pin(self._sck_number, Pin.ALT, alt=Pin.ALT_SPI)
        Pin(self._mosi, Pin.ALT, alt=Pin.ALT_SPI)

    def _resume(self):
        """Gives SCK back to the state machine, which stands where it was: between two frames."""
        Pin(self._mosi, Pin.OUT, value=0)
        Pin(self._sck_number, Pin.ALT, alt=self._sck_use)
        self._machine.active(1)

    def _disconnect(self):
        self._machine.active(0)

    def _arrived(self):
        """Bytes of this DMA run that are in memory."""
        return _FULL - self._dma.count

    def take(self):
        """-> number of frames unpacked (0: none yet). Never spans a gap: it is told with it."""
        if not self.running:
            return 0
        self.verify(time.ticks_ms())
        waiting = (self._arrived() - self._taken) // self._frame_bytes
        if waiting > self._holds:
            # The ring went round: what is old was written over, and half is given up for safety.
            waiting -= self._holds // 2
            self._skip(waiting)
            self._lose_now(waiting, core.RING_FULL)
            self._state[core.FULL] += waiting
        waiting = (self._vouched - self._taken) // self._frame_bytes
        self._before_cut()  # (no audit vouches beyond a cut)
        # (Each pass of the loop comes here: a frame on the heap would cost 0.6 ms, see `afe.bus`.)
        return self._copy(waiting) if waiting > 0 else 0

    def _copy(self, waiting):
        size = self._frame_bytes
        unpack = self._unpack
        while waiting:
            n = pio.good(self._raw, unpack, min(waiting, BLOCK))
            if n:
                break
            self._state[core.BAD] += 1
            self._state[core.BAD_RUN] += 1
            self._skip(1)
            self._lose_now(1, core.SYNC_LOST)
            waiting -= 1
        else:
            return 0
        self._state[core.BAD_RUN] = 0
        self.gap = lost = self._pending
        self.gap_reason = self._reason
        self._pending = 0
        self._reason = 0
        if lost:
            self._tell_gap(lost)
        self.start = (self.index + lost) & 0xFFFFFFFF
        self.index = (self.start + n) & 0xFFFFFFFF
        pio.column(self._raw, unpack, self.status, n << 8)
        offset = unpack[pio.STATUS]
        for channel in self.channels:
            pio.column(self._raw, unpack, channel, n << 8 | offset)
            offset += unpack[pio.SAMPLE]
        self._skip(n)
        # The newest frame has come within a period; those behind it in the ring are older.
        left = (self._arrived() - self._taken) // size
        self._seen_us = time.ticks_add(time.ticks_us(), -left * self._period_us)
        if self._dma.count < _LOW:
            self._again()
        return n

    def _before_cut(self):
        """Whether samples are missing further on; what is missing right here is lost now."""
        if not self._cut_lost:
            return False
        if self._cut > self._taken:
            return True
        self._lose_now(self._cut_lost, core.OVERRUN)
        self._cut_lost = 0
        return False

    def _skip(self, frames):
        self._taken += frames * self._frame_bytes
        self._unpack[pio.AT] = (self._unpack[pio.AT] + frames * self._frame_bytes) & (
            self._size - 1
        )

    def _lose_now(self, lost, reason):
        if not self._pending:
            self._reason = reason
        self._pending = min(core.LOST_MASK, self._pending + lost)

    def _again(self):
        """Starts the DMA channel anew between two frames, every few hours; nothing is lost."""
        arrived = self._arrived()
        if arrived % self._frame_bytes or not self.afe.bus.drdy():
            return  # in the middle of a frame: at the next take
        # The run before may have begun anywhere in the ring.
        at = (self._unpack[pio.AT] + arrived - self._taken) & (self._size - 1)
        self._dma.active(0)
        self._dma.config(
            read=self._fifo,
            write=self._address + at,
            count=_FULL,
            ctrl=self._control,
            trigger=True,
        )
        self._taken -= arrived
        self._vouched -= arrived
        self._cut -= arrived
        self._last_count = _FULL

    def newest(self):
        """(index of the newest sample, at most so many microseconds since it was read)."""
        arrived = self._arrived() if self.running else self._taken
        waiting = max(0, (arrived - self._taken) // self._frame_bytes)
        us = time.ticks_diff(time.ticks_us(), self._seen_us) - waiting * self._period_us
        return (self.index + self._pending + waiting - 1) & 0xFFFFFFFF, max(0, us)

    @property
    def overruns(self):
        return self._state[core.FULL] + self._state[core.MISSED]

    # --- what `Watch` asks for

    def _look(self, now):
        count = self._dma.count
        if count != self._last_count:
            # Frames come regularly: the last one came so many periods after the last look.
            frames = (self._last_count - count) // self._frame_bytes
            self._newest_ms = time.ticks_add(self._looked_ms, frames * self._period_us // 1000)
            self._last_count = count
            self._moved_ms = now
        self._looked_ms = self._moved_ms

    def _last_ms(self):
        self._look(time.ticks_ms())
        return self._newest_ms

    def _silence(self):
        if self.running:
            self._disconnect()
            self._dma.active(0)

    def _tune(self):
        """Nothing is missed here, and so nothing has to be told by the clock."""

    def verify(self, now, at_once=False):
        """Registers are read just after a frame, while the state machine stands still."""
        if self._period_us < FASTEST_US:
            self._vouched = self._arrived() // self._frame_bytes * self._frame_bytes
            return
        if not self.running or self._changed is not None:
            return
        if at_once or time.ticks_diff(now, self._audit_ms) >= AUDIT_MS:
            self._verify(now)

    def _verify(self, now):
        if self._before_cut():
            return  # one place at a time: as soon as what lies before it was taken
        count = self._dma.count
        begun = time.ticks_ms()
        while self._dma.count == count or self._arrived() % self._frame_bytes:
            if time.ticks_diff(time.ticks_ms(), begun) > 2 + self._period_us // 500:
                return
        begun = time.ticks_us()
        self._lend()
        arrived = self._arrived()
        try:
            self._changed = self.afe.audit_running()
        finally:
            fell = not self._drdy()
            self._resume()
        # The frame came some time before `begun`, so another may have fallen due just before a
        # period was over. If DRDY is still low, that one is read now, and raises DRDY at once.
        missed = time.ticks_diff(time.ticks_us(), begun) // self._period_us
        if fell:
            missed = max(missed, 1) - self._drdy()
        if missed > 0:
            self._cut_lost = missed
            self._cut = arrived
            self._state[core.MISSED] += missed
        self._audit_ms = now
        if self._changed is None:
            self._vouched = arrived

    def _drop(self):
        waiting = (self._arrived() - self._taken) // self._frame_bytes
        if waiting > 0:
            self._lose_now(waiting, core.RESTARTED)
            self._taken += waiting * self._frame_bytes

    def _count_lost(self, lost, reason):
        self._lose_now(lost, reason)
        self._reason = reason
