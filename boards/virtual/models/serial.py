"""The SPI side of an ADS1x9x model: bytes, opcodes, and every rule about when and how.

`Serial` is the half of `ads1x9x.Afe` that speaks: it uses that class's state (registers, frame,
pins, faults) and its `_begin`, `_stop`, `_refresh` and `_complain`.
"""


def understood(tx):
    """Whether bytes sent in the wrong SPI mode may be an opcode: as they are, or with every bit
    seen a clock early or late. (Opcodes are decided by their first seven bits: SBAS502, SPI
    command definitions.)"""
    before = 0
    for i in range(len(tx)):
        after = tx[i + 1] if i + 1 < len(tx) else 0
        late = before << 7 & 0x80 | tx[i] >> 1
        early = tx[i] << 1 & 0xFF | after >> 7
        for seen in (tx[i], early, late):
            if seen & 0xE0 in (0x20, 0x40) or seen >> 1 in (1, 2, 3, 4, 5, 8, 9, 13):
                return True
        before = tx[i]
    return False


class Serial:
    def select(self, t_us):
        self._selected = True
        gap = t_us * 1000 - self._deselected_ns
        if gap < self._ns(self.timing.cs_high):
            self._complain("CS was high for %d ns: it takes 2 tCLK" % gap)
        self._command = None

    def deselect(self, t_us):
        self._selected = False
        self._deselected_ns = t_us * 1000
        if self._command is not None:
            self._complain("CS went high in the middle of a command")
            self._command = None
        wait = self._deselected_ns - self._last_end_ns
        if wait < self._ns(self.timing.cs_after):
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
        # Zeros are no question to another part: they read a frame, in the wrong mode.
        deaf = mode != 1 and tx is not None and tx[0] and not understood(tx)
        if mode != 1 and not deaf:
            self._complain("SPI mode %d: the part needs mode 1" % mode)
        for i in range(n):
            out = self._byte(0 if tx is None or deaf else tx[i], start_ns, byte_ns)
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
            if gap < self._ns(self.timing.decode):
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
        if self.faults["stuck"] and self.faults["stuck"][0] == address:
            value &= ~self.faults["stuck"][1]
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
            self._busy_until_ns = end_ns + self._ns(t.wakeup)
            self._busy_why = "the wake-up time (4 tCLK)"
            if self.pins.level("START"):
                self._begin()
        elif opcode == 0x04:  # STANDBY
            self._stop()
            self._standby = True
        elif opcode == 0x06:  # RESET
            self._reset_registers()
            self._busy_until_ns = end_ns + self._ns(t.reset)
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
