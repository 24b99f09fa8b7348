"""ADS1293 on the wires: its own command byte, offset binary codes, and no forgiveness (SNAS602).

    afe = Afe1293(kernel, Electrodes("ADS1293", patient), pins)

Faults and complaints as in `ads1x9x`. The analog side is lead I, II and V1 by the routing that the
registers name: inputs 1..6 are RA, LA, LL, RL, V1 and Wilson's terminal, which has its potential
only while its amplifiers are led to it, as the body has one only while the right leg is driven.
"""

from models.analog import FAULTS, NORMAL, mains
from models.electrodes import FLOATING_HUM_VOLTS, UNDRIVEN_HUM_VOLTS

# uV rms at 400 samples/s: 7 uVpp in 40 Hz by the sheet.
NOISE_UV = 1.6
INPUTS = ("", "RA", "LA", "LL", "RL", "V1", "WCT")
VDD = 3.3

# address: (reset, writable bits). What is not here is reserved.
REGISTERS = {
    0x00: (0x02, 0x07), 0x01: (0, 0xFF), 0x02: (0, 0xFF), 0x03: (0, 0xFF), 0x04: (0, 0xFF),
    0x05: (0, 0x07), 0x06: (0x08, 0x1F), 0x07: (0, 0x3F), 0x08: (0, 0xFF), 0x09: (0, 0xFF),
    0x0A: (0, 0x3F), 0x0B: (0, 0x07), 0x0C: (0, 0x7F), 0x0D: (0, 0x07), 0x0E: (0, 0x07),
    0x0F: (0, 0x07), 0x10: (0, 0x03), 0x11: (0, 0x03), 0x12: (0, 0x07), 0x13: (0, 0x3F),
    0x14: (0, 0x3F), 0x15: (0, 0x07), 0x17: (1, 0x07), 0x18: (0, 0), 0x19: (0, 0),
    0x1F: (3, 0x03), 0x21: (8, 0x0F), 0x22: (0x80, 0xFF), 0x23: (0x80, 0xFF),
    0x24: (0x80, 0xFF), 0x25: (0, 0x07), 0x26: (0, 0x07), 0x27: (0, 0x3F), 0x2A: (0, 0xFF),
    0x2F: (0, 0x7F), 0x30: (0, 0), 0x40: (1, 0),
}  # fmt: skip
_R2 = {1: 4, 2: 5, 4: 6, 8: 8}
_R3 = {1: 4, 2: 6, 4: 8, 8: 12, 16: 16, 32: 32, 64: 64, 128: 128}
# SNAS602 tables 8 to 11, by (R2, is R3 6 or 12).
_ADC_MAX = {
    (4, False): 0x800000, (8, False): 0x800000, (4, True): 0xF30000, (8, True): 0xF30000,
    (5, False): 0xC35000, (5, True): 0xB964F0, (6, False): 0xF30000, (6, True): 0xE6A900,
}  # fmt: skip


class Afe1293:
    def __init__(self, kernel, electrodes, pins):
        self.kernel = kernel
        self.electrodes = electrodes
        self.pins = pins
        self.complaints = []
        self.unread = 0
        self.torn = 0
        self.frames = 0
        self.powered = True
        self.quiet = False
        self.faults = dict(FAULTS, stuck_drdy=False, bit_errors=0, wrong_id=None, mute=False)
        self.faults.update(clock_ppm=0, stuck=None)
        self._at_noise = 0
        self._low = False
        self._selected = False
        self._seed = 1
        self._event = kernel.at(kernel.now, self._convert)
        kernel.cancel(self._event)
        self._busy_until = kernel.now + 50000
        self._reset()
        pins.drive("DRDY", 1)
        pins.watch("RESET", self._reset_pin)

    def _reset(self):
        self.regs = bytearray(0x51)
        for address in REGISTERS:
            self.regs[address] = REGISTERS[address][0]
        self._running = False
        self._at = None
        self._command = None
        self._fresh = False
        self._data = bytearray(9)
        self.kernel.cancel(self._event)

    def brown_out(self):
        self._reset()

    def power(self, on):
        self.powered = on
        if on:
            self._busy_until = self.kernel.now + 50000
        self._reset()

    def _reset_pin(self, level):
        if level == 0:
            self._low = True
            self.kernel.cancel(self._event)
        elif self._low:
            self._low = False
            self._reset()
            self._busy_until = self.kernel.now + 50000

    def touch(self):
        """Faults have changed: nothing is worked out beforehand here."""

    def save(self):
        """What the part remembers while the microcontroller starts anew, as plain data."""
        return {"regs": list(self.regs), "faults": self.faults}

    def restore(self, kept):
        """The part as `save` found it; it has been powered for long."""
        self.regs[:] = bytes(kept["regs"])
        self.faults.update(kept["faults"])
        self._busy_until = 0
        if self.regs[0] & 1:
            self._begin()

    def _complain(self, text):
        self.complaints.append("ADS1293 at %d us: %s" % (self.kernel.now, text))

    # --- conversions

    def decimation(self):
        return self._r1(0), _R2.get(self.regs[0x21], 0), _R3.get(self.regs[0x22], 0)

    def _r1(self, channel):
        return 2 if self.regs[0x25] >> channel & 1 else 4

    def _converts(self, channel):
        """Whether a channel's modulator and its amplifier are on."""
        return not self.regs[0x14] & 0b001001 << channel

    def _begin(self):
        r1, r2, r3 = self.decimation()
        if not (r2 and r3):
            self._complain("R2 or R3 is no one-hot code")
            return
        if not self.regs[0x12] & 4 or self.regs[0x00] & 6:
            self._complain("START_CON without a started clock (OSC_CN) or in standby")
            return
        on = [c for c in range(3) if self._converts(c)]
        if any(self.regs[0x22 + c] != self.regs[0x22] or self._r1(c) != r1 for c in on):
            self._complain("channels that are on convert at rates of their own")
        self._running = True
        self.adc_max = _ADC_MAX[r2, r3 in (6, 12)]
        factor = 1000000 - self.faults["clock_ppm"]
        self._period_ns = r1 * r2 * r3 * 1000000000 // 102400 * factor // 1000000
        self.electrodes.patient.begin(102400 // (r1 * r2 * r3))
        self._next_ns = self.kernel.now * 1000 + 6 * self._period_ns
        self.kernel.rearm(self._event, self._next_ns // 1000)

    def _wilson(self, potential):
        """Volts of Wilson's terminal, the mean of the inputs led to it; None while it floats."""
        if self.regs[0x10] & 3 != 1:
            return None
        chosen = [potential[INPUTS[n]] for n in self.regs[0x0D:0x10] if 0 < n < 6]
        return sum(chosen) / len(chosen) if chosen else None

    def _driven(self):
        """Whether the right-leg drive hears of the body and reaches it (8.3.9, 8.3.10)."""
        e = self.electrodes
        heard = [n for n in range(1, 6) if self.regs[0x0A] >> (n - 1) & 1]
        to = self.regs[0x0C] & 0x0F  # shut down, or the input that it drives
        return to == 4 and e.get("RL").on and any(e.get(INPUTS[n]).on for n in heard)

    def _volts(self, lead, channel):
        """Differential volts of a channel, by its routing: +/-RA, LA, LL, V1 from the leads."""
        value = self.regs[1 + channel]
        e = self.electrodes
        half = VDD / 2
        amperes = 0.0
        if not self.regs[0x06] & 0x0C:
            amperes = self.regs[0x08] * 8e-9
        # Potentials against RA: leads I and II, V1 against the mean of the limbs.
        one, two = lead[0], lead[1] if len(lead) > 1 else 0.0
        chest = (one + two) / 3 + (lead[2] if len(lead) > 2 else 0.0)
        potential = {"RA": 0.0, "LA": one, "LL": two, "RL": 0.0, "V1": chest}
        self._noise_uv = 0.0
        driven = self._driven()
        hum = 0.0 if driven else UNDRIVEN_HUM_VOLTS
        ends = []
        for number in (value >> 3 & 7, value & 7):
            name = INPUTS[number] if number < 7 else ""
            at = self._wilson(potential) if name == "WCT" else potential.get(name)
            if at is None:
                hum += FLOATING_HUM_VOLTS
                ends.append(0.0)
                continue
            contact = e.get(name)
            current = amperes if self.regs[0x07] >> (number - 1) & 1 else 0.0
            volts = e.volts(contact, current)
            off = min(half, max(-half, volts))
            if current:
                bit = 1 << (number - 1)
                # A Schmitt trigger compares the pin with VDD - 0.5 V (SNAS602, 8.3.8). Without
                # the right leg the current has no way back, and lifts the body as a whole.
                flagged = not driven or half + off >= VDD - 0.5
                self.regs[0x18] = self.regs[0x18] & ~bit | (bit if flagged else 0)
            elif not contact.on:
                hum += FLOATING_HUM_VOLTS
            hum += contact.hum_uv * 1e-6
            self._noise_uv += contact.noise_uv
            ends.append(off + (at if contact.on else 0.0))
        if hum:
            ends[0] += hum * mains(self.kernel.now, e.hum_hz)
        return ends[0] - ends[1]

    def _convert(self):
        if not self._running:
            return
        if self._fresh:
            self.unread += 1
        lead = self.electrodes.patient.leads(self.kernel.now)
        faults = self.faults
        for channel in range(3):
            if not self._converts(channel):
                code = 0
            else:
                volts = self._volts(lead, channel)
                test = self.regs[1 + channel] >> 6
                if test:  # no electrode; 01: VREF/12, 10: the same negative, 11: inputs shorted
                    self._noise_uv = 0.0
                    volts = 0.0 if test == 3 or faults["test_dead"] else 0.2
                    if test == 2:
                        volts = -volts
                volts += faults["offset_uv"] * 1e-6
                if not self.quiet:
                    self._at_noise = at = (self._at_noise + 1) % 1021
                    own = NOISE_UV * faults["noise"]
                    volts += (own**2 + self._noise_uv**2) ** 0.5 * 1e-6 * NORMAL[at]
                volts *= 1 + faults["gain_ppm"] / 1e6
                code = int((3.5 * volts / 4.8 + 0.5) * self.adc_max + 0.5)
                code = min(self.adc_max, max(0, code))
            self._data[3 * channel] = code >> 16
            self._data[3 * channel + 1] = code >> 8 & 0xFF
            self._data[3 * channel + 2] = code & 0xFF
        self.frames += 1
        self._fresh = True
        self.regs[0x30] = sum(0x20 << c for c in range(3) if self._converts(c))
        self._next_ns += self._period_ns
        self.kernel.rearm(self._event, self._next_ns // 1000)
        # DRDYB_SRC: the channel whose ECG is announced.
        if self.regs[0x27] & self.regs[0x30] >> 2 and not self.faults["stuck_drdy"]:
            self.pins.drive("DRDY", 1)
            self.pins.drive("DRDY", 0)

    # --- SPI

    def select(self, t_us):
        self._selected = True
        self._command = None

    def deselect(self, t_us):
        self._selected = False
        if self._command is not None and self._command[2] == 0:
            self._complain("CS went high before the 16th clock")
        self._command = None

    def exchange(self, tx, rx, t_us, baudrate, mode=0):
        n = len(tx) if tx is not None else len(rx)
        if mode != 0:
            self._complain("SPI mode %d: the part needs mode 0" % mode)
        if baudrate > 20000000:
            self._complain("SCLK at %d Hz: 20 MHz at most" % baudrate)
        byte_ns = 8000000000 // baudrate
        for i in range(n):
            out = self._byte(tx[i] if tx is not None else 0, t_us * 1000 + (i + 1) * byte_ns)
            if rx is not None:
                rx[i] = out
        if rx is not None:
            errors = self.faults["bit_errors"]
            for i in range(n):
                if self.faults["mute"] or not self.powered or self._low:
                    rx[i] = 0xFF
                elif errors:
                    for bit in range(8):
                        self._seed = (self._seed * 1103515245 + 12345) & 0x7FFFFFFF
                        if (self._seed >> 8) % 1000000 < errors:
                            rx[i] ^= 1 << bit

    def _byte(self, mosi, end_ns):
        if not self._selected:
            return 0xFF
        if self._low or not self.powered:
            if not self._low:
                return 0xFF
            self._complain("SPI while the part is held in reset")
            return 0xFF
        if self.kernel.now < self._busy_until:
            self._complain("SPI before the crystal has started (50 ms)")
            return 0
        command = self._command
        if command is None:
            self._command = [mosi & 0x80, mosi & 0x7F, 0]
            if mosi == 0xD0:
                self._stream = self._loop()
            return 0xFF  # SDO is not driven during the command byte: a pull-up
        command[2] += 1
        address = command[1]
        if command[0]:
            if address == 0x50:
                at = command[2] - 1
                self._read_data()
                if self._running and end_ns > self._next_ns:
                    self.torn += 1
                    return 0x55
                return self._stream[at] if at < len(self._stream) else 0
            if address < 0x50:
                command[1] = address + 1 if address < 0x4F else address
                if address == 0x40 and self.faults["wrong_id"] is not None:
                    return self.faults["wrong_id"]
                if 0x37 <= address <= 0x3F:
                    self._read_data()
                    return self._data[address - 0x37]
                return self.regs[address]
            self._complain("a read of 0x%02X, which does not exist" % address)
            return 0
        self._write(address, mosi)
        command[1] = address + 1 if address < 0x4F else address
        return 0

    def _loop(self):
        enabled = self.regs[0x2F]
        out = bytearray()
        if enabled & 1:
            out.append(self.regs[0x30])
        for channel in range(3):
            if enabled >> (4 + channel) & 1:
                out += self._data[3 * channel : 3 * channel + 3]
        return bytes(out)

    def _read_data(self):
        if self._fresh:
            self._fresh = False
            self.regs[0x30] = 0
            self.pins.drive("DRDY", 1)

    def _write(self, address, value):
        if address not in REGISTERS:
            self._complain("a write of 0x%02X to 0x%02X, which is reserved" % (value, address))
            return
        writable = REGISTERS[address][1]
        if value & ~writable:
            self._complain("0x%02X to register 0x%02X: reserved bits set" % (value, address))
        if self._running and address != 0x00:
            self._complain("register 0x%02X written while it converts" % address)
        if self.faults["stuck"] and self.faults["stuck"][0] == address:
            value &= ~self.faults["stuck"][1]
        self.regs[address] = value & writable
        if address == 0x00:
            if value & 1 and not self._running:
                self._begin()
            elif not value & 1:
                self._running = False
                self.kernel.cancel(self._event)
