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
clock_ppm (the oscillator's error); `brown_out()` resets the part as a dip of the supply does.
"""

from monitor.afe import parts

from models import timing

_NO_EVENT = -1


class Afe:
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
        self.faults = {
            "stuck_drdy": False,
            "bit_errors": 0,
            "wrong_id": None,
            "mute": False,
            "clock_ppm": 0,
        }
        self.regs = bytearray(len(self.part.registers))
        self.frame = bytearray(self.part.frame_bytes)
        self._zeros = bytes(self.part.frame_bytes)
        self._quiet_rx = bytearray(self.part.frame_bytes)
        self._event = kernel.at(kernel.now, self._nothing)
        kernel.cancel(self._event)
        self._seed = 1
        self.powered = False
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
            self._busy_until_ns = self._now_ns() + self.timing.ns(self.timing.power_up)
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
        self.analog.refresh(self.regs)

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
        if low < t.ns(t.reset_low):
            self._complain("RESET low for %d ns: it takes %d" % (low, t.ns(t.reset_low)))
            return
        self._reset_registers()
        if self.part.family == "two" and low > t.ns(4 << 9):
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
        self._busy_until_ns = self._now_ns() + self.timing.ns(clocks)
        self._busy_why = "%s (%d tCLK)" % (why, clocks)

    def _now_ns(self):
        return self.kernel.now * 1000

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
        settle = self.timing.ns(self.timing.settling[self.analog.settling_key(self.regs)])
        self._next_ns = self._now_ns() + settle * factor // 1000000
        self.kernel.rearm(self._event, self._next_ns // 1000)
        self._event.fn = self._convert

    def _stop(self):
        self._converting = False
        self.kernel.cancel(self._event)

    def _refresh(self):
        self.electrodes.changed = False
        self.analog.refresh(self.regs)

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

    # --- SPI

    def select(self, t_us):
        self._selected = True
        gap = t_us * 1000 - self._deselected_ns
        if gap < self.timing.ns(self.timing.cs_high):
            self._complain("CS was high for %d ns: it takes 2 tCLK" % gap)
        self._command = None

    def deselect(self, t_us):
        self._selected = False
        self._deselected_ns = t_us * 1000
        if self._command is not None:
            self._complain("CS went high in the middle of a command")
            self._command = None
        wait = self._deselected_ns - self._last_end_ns
        if wait < self.timing.ns(self.timing.cs_after):
            self._complain(
                "CS went high %d ns after the last SCLK: it takes %d tCLK"
                % (wait, self.timing.cs_after)
            )
        self._out = None

    def transfer(self, mosi, t_us, baudrate, mode=1):
        """One byte both ways."""
        rx = bytearray(1)
        self.exchange(bytes((mosi,)), rx, t_us, baudrate, mode)
        return rx[0]

    def exchange(self, tx, rx, t_us, baudrate, mode=1):
        """A buffer both ways; `tx` None sends zeros, `rx` None drops what comes."""
        start_ns = t_us * 1000
        n = len(rx) if rx is not None else len(tx)
        byte_ns = 8000000000 // baudrate
        part = self.part
        if (
            self._rdatac
            and self._frame_at == 0
            and n == part.frame_bytes
            and rx is not None
            and mode == 1
            and byte_ns >= 8 * self.timing.sclk_ns
            and self._command is None
            and self._selected
            and start_ns >= self._busy_until_ns
            and (tx is None or tx == self._zeros)
            and self._alive()
            and self._out is None
        ):
            # The way of nearly every byte: one whole frame, nothing sent.
            self._last_end_ns = start_ns + n * byte_ns
            self.pins.drive("DRDY", 1)
            rx[:] = self.frame
            self._frame_at = n
            if self._converting and self._last_end_ns > self._next_ns:
                # The next conversion replaces the bits on their way out.
                self.torn += 1
                rx[n - 1] ^= 0x55
                rx[n - 2] ^= 0xAA
            if self.faults["mute"] or self.faults["bit_errors"]:
                self._spoil(rx)
            return
        if byte_ns < 8 * self.timing.sclk_ns:
            self._complain("SCLK at %d Hz: %d ns a bit at least" % (baudrate, self.timing.sclk_ns))
        if mode != 1:
            self._complain("SPI mode %d: the part needs mode 1" % mode)
        for i in range(n):
            out = self._byte(tx[i] if tx is not None else 0, start_ns, byte_ns)
            start_ns += byte_ns
            if rx is not None:
                # A wrong phase shows every bit half a clock late: 600000h for C00000h.
                rx[i] = out if mode == 1 else (out >> 1)
        if rx is not None:
            self._spoil(rx)

    def _spoil(self, rx):
        if self.faults["mute"] or not self.powered:
            for i in range(len(rx)):
                rx[i] = 0xFF
            return
        errors = self.faults["bit_errors"]
        if errors:
            for i in range(len(rx)):
                for bit in range(8):
                    self._seed = (self._seed * 1103515245 + 12345) & 0x7FFFFFFF
                    if (self._seed >> 8) % 1000000 < errors:
                        rx[i] ^= 1 << bit

    def _byte(self, mosi, start_ns, byte_ns):
        if not self._selected:
            return 0xFF
        if not self._alive():
            self._complain("SPI while the part is held in reset or power-down")
            return 0xFF
        if start_ns < self._busy_until_ns:
            self._complain(
                "SPI %d ns before the end of %s" % (self._busy_until_ns - start_ns, self._busy_why)
            )
            return 0x00
        end_ns = start_ns + byte_ns
        self.pins.drive("DRDY", 1)
        out = self._answer(mosi, end_ns)
        if self._command is not None or mosi:
            gap = end_ns - self._last_end_ns
            if gap < self.timing.ns(self.timing.decode):
                self._complain("%d ns from byte to byte: tSDECODE is 4 tCLK" % gap)
            self._take(mosi, end_ns)
        self._last_end_ns = end_ns
        return out

    def _answer(self, mosi, end_ns):
        if self._out is not None:
            at = self._out_at
            if at < len(self._out):
                self._out_at = at + 1
                return self._out[at]
            self._out = None
            return 0
        if self._frame_at < self.part.frame_bytes:
            value = self.frame[self._frame_at]
            # (The bits that come along with an opcode are nobody's samples.)
            if self._converting and end_ns > self._next_ns and not mosi:
                self.torn += 1
                value ^= 0x55
            self._frame_at += 1
            return value
        if self._rdatac and self._frame_fresh and self._command is None:
            # Extra SCLKs repeat the frame.
            at = self._frame_at - self.part.frame_bytes
            self._frame_at += 1
            return self.frame[at % self.part.frame_bytes]
        return 0

    def _take(self, mosi, end_ns):
        command = self._command
        if command is None:
            self._opcode(mosi, end_ns)
        elif command[0] == "count":
            _, kind, address = command
            count = mosi + 1
            if mosi & 0xE0 or address + count > len(self.regs):
                self._complain(
                    "%s of %d registers from 0x%02X: there are %d"
                    % (kind, count, address, len(self.regs))
                )
            if kind == "RREG":
                self._out = bytes(self._register(a) for a in range(address, address + count))
                self._out_at = 0
                self._command = ["read", count]
            else:
                self._command = ["write", address, count]
        elif command[0] == "read":
            if mosi:
                self._complain("DIN is 0x%02X while registers are read" % mosi)
            command[1] -= 1
            if not command[1]:
                self._command = None
        else:
            self._write(command[1], mosi)
            command[1] += 1
            command[2] -= 1
            if not command[2]:
                self._command = None
                for text in self.analog.complaints(self.regs):
                    self._complain(text)

    def _register(self, address):
        if address >= len(self.regs):
            return 0
        if address == 0 and self.faults["wrong_id"] is not None:
            return self.faults["wrong_id"]
        return self.regs[address]

    def _write(self, address, value):
        if address >= len(self.regs):
            return
        register = self.part.registers[address]
        if address == 0:
            self._complain("a write to ID, which can't be written")
            return
        if not register.valid(value):
            self._complain(
                "%s = 0x%02X: its reserved bits 0x%02X must be 0x%02X"
                % (register.name, value, register.reserved, register.ones)
            )
        fixed = register.read_only
        self.regs[address] = self.regs[address] & fixed | value & ~fixed & 0xFF
        self._refresh()
        if self._converting and self.analog.restarts_filter(address):
            self._begin()

    def _opcode(self, opcode, end_ns):
        if opcode & 0xE0 in (0x20, 0x40):
            kind = "RREG" if opcode & 0x20 else "WREG"
            if self._rdatac:
                self._complain("%s in RDATAC mode is ignored: SDATAC comes first" % kind)
                return
            if self._standby:
                self._complain("%s in standby" % kind)
            self._command = ["count", kind, opcode & 0x1F]
            return
        t = self.timing
        if self._standby and opcode not in (0x02, 0x06):
            self._complain("opcode 0x%02X in standby: only WAKEUP (and RESET) are heard" % opcode)
            return
        if opcode == 0x02:  # WAKEUP
            self._standby = False
            self._busy_until_ns = end_ns + t.ns(t.wakeup)
            self._busy_why = "the wake-up time (4 tCLK)"
            if self.pins.level("START"):
                self._begin()
        elif opcode == 0x04:  # STANDBY
            self._stop()
            self._standby = True
        elif opcode == 0x06:  # RESET
            self._reset_registers()
            self._busy_until_ns = end_ns + t.ns(t.reset)
            self._busy_why = "the reset time (%d tCLK)" % t.reset
            if self.pins.level("START"):
                self._begin()
        elif opcode == 0x08:  # START
            if self.pins.level("START"):
                self._complain("opcode START with the START pin high: the pin has to be low")
            self._opcode_start = True
            self._begin()
        elif opcode == 0x0A:  # STOP
            if self.pins.level("START"):
                self._complain("opcode STOP with the START pin high: the pin has to be low")
            self._opcode_start = False
            self._stop()
        elif opcode == 0x10:  # RDATAC
            self._rdatac = True
            self._frame_at = self.part.frame_bytes
            self._frame_fresh = False
        elif opcode == 0x11:  # SDATAC
            self._rdatac = False
            self._frame_at = self.part.frame_bytes
        elif opcode == 0x12:  # RDATA
            if self._rdatac:
                self._complain("RDATA in RDATAC mode")
            elif not self._frame_fresh:
                self._complain("RDATA before any conversion was ready")
            else:
                self._frame_at = 0
                self._out = None
        elif opcode == 0x1A and self.part.family == "two":  # OFFSETCAL
            if not self.analog.calibrates(self.regs):
                self._complain("OFFSETCAL without RESP2.CALIB_ON")
        else:
            self._complain("0x%02X is no opcode" % opcode)

    # --- over a reset of the microcontroller the part keeps its power

    def save(self):
        """What the part remembers, as plain data."""
        return {
            "regs": list(self.regs),
            "rdatac": self._rdatac,
            "standby": self._standby,
            "opcode_start": self._opcode_start,
        }

    def restore(self, kept):
        """The part as `save` found it; it has been powered for long."""
        self.regs[:] = bytes(kept["regs"])
        self._rdatac = kept["rdatac"]
        self._standby = kept["standby"]
        self._opcode_start = kept["opcode_start"]
        self._busy_until_ns = 0
        self._refresh()
        if self._opcode_start or self.pins.level("START"):
            self._begin()
