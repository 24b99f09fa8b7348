"""A part of the ADS1x9x family on the wires: SPI bytes, pins and clock, and nothing forgiven.

    afe = Afe("ADS1292R", kernel, Electrodes("ADS1292R", patient), pins)
    afe.select(t_us); afe.exchange(tx, rx, t_us, baudrate, 1); afe.deselect(t_us)
    afe.complaints        # what the other side did wrong, in words
    afe.unread            # frames that nobody read
    afe.torn              # frames read too late, their last bits replaced by the next conversion

`pins` has `drive(name, level)`, `watch(name, fn)` and `level(name)` for DRDY, RESET, START, PWDN.
Registers come from the table that the driver reads too (`monitor.afe.parts`); times and meanings
are the models' own (`timing`, `two_channel`, `eight_channel`). Faults for tests are in `faults`:
stuck_drdy (bool), bit_errors (per million bits of MISO), wrong_id (byte), mute (MISO stays high),
clock_ppm (the oscillator's error), stuck ([address, mask]: bits of a register that stay 0); for
the analog side gain_ppm, offset_uv, noise (a factor), supply (volts), celsius and test_dead (call
`touch()` after a change). `brown_out()` resets the part as a dip of the supply does.
"""

from monitor.afe import parts

from models import analog, serial, timing


class Afe(serial.Serial):
    def __init__(self, part, kernel, electrodes, pins, powered=True):
        self.part = parts.find(part)
        self.kernel = kernel
        self.electrodes = electrodes
        self.pins = pins
        self.timing = timing.of(part)
        if self.part.family == "two":
            from models.two_channel import TwoChannel as Family
        else:
            from models.eight_channel import EightChannel as Family
        self.analog = Family(self.part, electrodes)
        self.complaints = []
        self.unread = 0
        self.torn = (
            0  # frames whose reading ran into the next conversion: their bits are worthless
        )
        self.frames = 0  # conversions done
        self.faults = self.analog.faults = dict(analog.FAULTS)
        bus_faults = {
            "stuck_drdy": False,
            "bit_errors": 0,
            "wrong_id": None,
            "mute": False,
            "clock_ppm": 0,
            "stuck": None,
            "flip": None,
        }
        self.faults.update(bus_faults)
        self.regs = bytearray(len(self.part.registers))
        self.frame = bytearray(self.part.frame_bytes)
        self._zeros = bytes(self.part.frame_bytes)
        self._event = kernel.at(kernel.now, self._nothing)
        kernel.cancel(self._event)
        self._seed = 1
        self.powered = False
        self._busy_until_ns = 0
        self._busy_why = ""
        self._selected = False
        self._deselected_ns = -1000000
        self._last_end_ns = -1000000
        self._low_since = None
        pins.drive("DRDY", 1)
        pins.watch("RESET", self._reset_pin)
        pins.watch("START", self._start_pin)
        if self.part.family == "eight":
            pins.watch("PWDN", self._pwdn_pin)
        if powered:
            self.power(True)

    def _nothing(self):
        pass

    # --- power, reset

    def power(self, on):
        """The supply. Rising: registers at reset values, deaf for the power-up time."""
        if on and not self.powered:
            self.powered = True
            self._reset_registers()
            self._busy_until_ns = self._now_ns() + self._ns(self.timing.power_up)
            self._busy_why = "the power-up time (%d tCLK)" % self.timing.power_up
            if self.pins.level("START"):
                self._begin()
        elif not on:
            self.powered = False
            self._stop()
            self.pins.drive("DRDY", 1)

    def brown_out(self):
        """A dip of the supply: everything back to reset values, without anybody being told."""
        self._reset_registers()
        if self.pins.level("START"):
            self._begin()

    def _reset_registers(self):
        for register in self.part.registers:
            self.regs[register.address] = register.reset
        self.regs[0] = self.part.id
        self._rdatac = True
        self._standby = False
        self._command = None
        self._converting = False
        self._out = None
        self._out_at = 0
        self._frame_at = self.part.frame_bytes  # nothing to read yet
        self._frame_fresh = False
        self._opcode_start = False
        self.kernel.cancel(self._event)
        self._refresh()

    def _reset_pin(self, level):
        now = self._now_ns()
        if level == 0:
            self._low_since = now
            self._stop()
            return
        low = now - self._low_since if self._low_since is not None else 0
        self._low_since = None
        if not self.powered:
            return
        t = self.timing
        if low < self._ns(t.reset_low):
            self._complain("RESET low for %d ns: it takes %d" % (low, self._ns(t.reset_low)))
            return
        self._reset_registers()
        if self.part.family == "two" and low > self._ns(4 << 9):
            # The pin is PWDN too: low for more than 2^9 tMOD it has powered down.
            self._busy(t.power_up, "the power-up time after PWDN")
        else:
            self._busy(t.reset, "the reset time")
        if self.pins.level("START"):
            self._begin()

    def _pwdn_pin(self, level):
        if level == 0:
            self._stop()
            self._low_since = self._low_since
            self._pwdn = True
        elif getattr(self, "_pwdn", False):
            self._pwdn = False
            self._reset_registers()
            self._busy(self.timing.power_up, "the power-up time after PWDN")

    def _start_pin(self, level):
        if not self._alive():
            return
        if level:
            self._begin()
        elif not self._opcode_start:
            self._stop()

    def _alive(self):
        return self.powered and self._low_since is None and not getattr(self, "_pwdn", False)

    def _busy(self, clocks, why):
        until = self._now_ns() + self._ns(clocks)
        if until > self._busy_until_ns:  # a reset does not shorten the power-up
            self._busy_until_ns = until
            self._busy_why = "%s (%d tCLK)" % (why, clocks)

    def _now_ns(self):
        return self.kernel.now * 1000

    def _ns(self, clocks):
        """So many periods of the part's own clock, which may be slow or fast."""
        return self.timing.ns(clocks) * (1000000 - self.faults["clock_ppm"]) // 1000000

    def _complain(self, text):
        text = "%s at %d us: %s" % (self.part.name, self.kernel.now, text)
        if len(self.complaints) < 1000:
            self.complaints.append(text)

    # --- conversions

    def _begin(self):
        """START: the filter settles, then DRDY comes at the data rate."""
        if self._standby or not self._alive():
            return
        self._converting = True
        rate = self.analog.rate(self.regs)
        if not rate:
            return
        self.electrodes.patient.begin(rate)
        self._refresh()
        factor = 1000000 - self.faults["clock_ppm"]
        self._period_ns = 1000000000 // rate * factor // 1000000
        settle = self._ns(self.timing.settling[self.analog.settling_key(self.regs)])
        self._next_ns = self._now_ns() + settle
        self.kernel.rearm(self._event, self._next_ns // 1000)
        self._event.fn = self._convert

    def _stop(self):
        self._converting = False
        self.kernel.cancel(self._event)

    def _refresh(self):
        self.electrodes.changed = False
        self.analog.refresh(self.regs)
        self.analog.spoil()

    def touch(self):
        """Faults have changed. `flip` ([address, mask]) happens once, as a discharge does it."""
        if self.faults["flip"]:
            address, mask = self.faults["flip"]
            self.regs[address] ^= mask
            self.faults["flip"] = None
        self._refresh()

    def _convert(self):
        if not self._converting:
            return
        if self.electrodes.changed:
            self._refresh()
        if self._frame_fresh and self._frame_at < self.part.frame_bytes and self._rdatac:
            self.unread += 1
        codes = self.analog.convert(self.kernel.now)
        frame = self.frame
        status = self.analog.status(self.regs)
        i = 0
        if self.part.status_bytes == 3:
            frame[0] = status >> 16
            frame[1] = status >> 8 & 0xFF
            frame[2] = status & 0xFF
            i = 3
        else:
            frame[0] = status >> 8
            frame[1] = status & 0xFF
            i = 2
        if self.part.sample_bytes == 3:
            for code in codes:
                frame[i] = code >> 16 & 0xFF
                frame[i + 1] = code >> 8 & 0xFF
                frame[i + 2] = code & 0xFF
                i += 3
        else:
            for code in codes:
                frame[i] = code >> 8 & 0xFF
                frame[i + 1] = code & 0xFF
                i += 2
        self.frames += 1
        self._frame_fresh = True
        self._frame_at = 0 if self._rdatac else self.part.frame_bytes
        if self.analog.single_shot(self.regs):
            self._converting = False
        else:
            self._next_ns += self._period_ns
            self.kernel.rearm(self._event, self._next_ns // 1000)
        if not self.faults["stuck_drdy"]:
            pins = self.pins
            pins.drive("DRDY", 1)
            pins.drive("DRDY", 0)

    # --- over a reset of the microcontroller the part keeps its power

    def save(self):
        """What the part remembers, as plain data."""
        return {
            "regs": list(self.regs),
            "rdatac": self._rdatac,
            "standby": self._standby,
            "opcode_start": self._opcode_start,
            "faults": self.faults,  # what is broken stays broken
        }

    def restore(self, kept):
        """The part as `save` found it; it has been powered for long."""
        self.regs[:] = bytes(kept["regs"])
        self._rdatac = kept["rdatac"]
        self._standby = kept["standby"]
        self._opcode_start = kept["opcode_start"]
        self.faults.update(kept["faults"])
        self._busy_until_ns = 0
        self._refresh()
        if self._opcode_start or self.pins.level("START"):
            self._begin()
