"""One driver for ADS119x, ADS129x and ADS1299: powered off it is one object, powered up another.

    afe = PoweredOff(board).power_up()      # finds the part by its ID
    afe.configure(rate=250, gain=6)         # ValueError lists what the part offers
    afe.start()                             # conversions, continuous read mode
    ...                                     # the sampler reads frames
    afe.stop()
    off = afe.shut_down()

Every write is read back and compared (`AfeError` names the register). Every error leaves the part
in power-down, its START pin low. Facts and their sources: `parts` and the two family tables.
"""

import time

from monitor.afe import bus as wires
from monitor.afe import errors, flags, parts
from monitor.afe.cache import Cache, difference

# The internal reference settles in 150 ms (SBAS502); samples before that are wrong.
REFERENCE_MS = 150


class PoweredOff:
    """A front end without power: it can only be powered up."""

    def __init__(self, board, bus=None):
        self.board = board
        self.bus = bus or wires.Bus(board)

    def hold(self):
        """Stays powered down: its pins say so."""
        self.bus.power_down()

    def power_up(self):
        """-> `FrontEnd`, or `Ads1293` on a board that names no part and has that one. AfeError:
        nothing answers, an unknown ID, not the board's part."""
        bus = self.bus
        wanted = getattr(self.board, "AFE", None)
        tried = ""
        try:
            bus.slow()
            bus.power_up()
            if not wanted:
                other, tried = self._power_up_1293()
                if other is not None:
                    return other
            identity = 0
            for _ in range(2):  # a wrong ID is worth one retry with a pin reset
                bus.reset()
                bus.command(wires.SDATAC)  # it wakes up in RDATAC, where RREG is ignored
                identity = bus.read(0x00, 1)[0]
                tried = errors.asked(tried, "ADS1x9x, ID in SPI mode 1", identity)
                if parts.name_of(identity):
                    break
            name = parts.name_of(identity)
            if identity in (0x00, 0xFF):
                raise errors.absent(tried)
            if name is None:
                raise errors.wrong_id(tried)
            if wanted and wanted != name:
                raise errors.wrong_part(name, wanted)
            return FrontEnd(self.board, bus, parts.find(identity))
        except BaseException:
            bus.power_down()
            raise

    def _power_up_1293(self):
        """-> (the ADS1293 or None, what was read)."""
        from monitor.afe import probe

        found = probe.revid(self.bus)
        tried = ""
        for value in found:
            tried = errors.asked(tried, "ADS1293, REVID in SPI mode 0", value)
        if probe.looks_like_1293(found):
            from monitor.afe.ads1293 import PoweredOff1293

            try:
                return PoweredOff1293(self.board).power_up(), tried
            except errors.AfeError:  # not after a reset: no ADS1293
                self.bus.power_up()
        return None, tried


class FrontEnd:
    """A front end with power. `rate` is 0 until `configure` was called."""

    def __init__(self, board, bus, part):
        self.board = board
        self.bus = bus
        self.part = part
        self.cache = Cache(part)
        self.channels = part.channels
        self.rate = 0
        self.gains = [0] * part.channels
        self.vref = part.default_vref
        self.running = False
        self.calibration = None
        self.ac = False  # lead-off by alternating current: nothing in the status tells of it
        self.lead_off_amperes = 6e-9
        self._settings = None
        # For audits: a byte takes 5.1 tCLK (800 kHz, or 3.2 MHz with 2.048 MHz); it needs 4.
        self._audit_baudrate = min(bus.sample_baudrate, 1560000 // part.tclk_ns * 1000)

    # --- registers

    def read_registers(self):
        """All registers as the part holds them, by address (a fresh bytearray)."""
        return bytearray(self.bus.read(0, len(self.part.registers)))

    def dump(self):
        """One line a register: `CH1SET 0x00 gain=6 mux=normal`. Not while running."""
        self._idle("dump the registers")
        values = self.read_registers()
        return "\n".join(
            "%s 0x%02X %s" % (r.name, values[r.address], r.text(values[r.address]))
            for r in self.part.registers
        )

    def apply(self):
        """Writes what the cache wants, reads all of it back; AfeError on a difference."""
        cache = self.cache
        bus = self.bus
        try:
            bus.write(1, cache.wanted[1:])
            wrong = self.audit()
            if wrong is not None:
                read = bus.read(0, len(cache.wanted))
                raise errors.mismatch(wrong, cache.wanted[wrong.address], read[wrong.address])
        except BaseException:
            self._safe()
            raise

    def audit(self):
        """The last register that is not as it was written, or None.

        A register that one of three reads finds right is right: a bit that fell over on the bus
        is no change. So the next read is asked only for those from the wrong one down.
        """
        cache = self.cache
        wrong = len(cache.wanted) - 1
        for _ in range(3):
            read = self.bus.read(0, len(cache.wanted))
            wrong = difference(wrong, read, cache.wanted, cache.masks)
            if wrong < 0:
                return None
        return self.part.registers[wrong]

    # --- configuration

    def configure(self, rate=250, gain=6, vref=None, inputs="normal", **features):
        """Sets the part up in physical units; ValueError lists what it offers.

        `rate` in samples/s; `gain` one factor or one per channel; `vref` in volts; `inputs` one
        name of `part.muxes` or one per channel ("off" powers the channel down: it reads as zeros).
        `features`: see `features.apply`.
        """
        from monitor.afe import features as extra

        self._idle("configure")
        part = self.part
        vref = part.default_vref if vref is None else vref
        gains = _each(gain, part.channels, "gain")
        inputs = _each(inputs, part.channels, "inputs")
        cache = Cache(part)
        extra.rate(cache, part, rate)
        extra.reference(cache, part, _choice(part.vrefs, vref, "vref", part))
        for i in range(part.slots):
            name = "CH%dSET" % (i + 1)
            if name not in part:
                continue
            source = inputs[i] if i < part.channels else "off"
            if source == "off":
                cache.set(name, "PD", 1)
                cache.set(
                    name, "MUX", part.muxes["shorted"]
                )  # SBAS502: short what is powered down
            else:
                cache.set(name, "GAIN", _choice(part.gains, gains[i], "gain", part))
                cache.set(name, "MUX", _choice(part.muxes, source, "input", part))
        extra.apply(cache, part, inputs, features)
        self.cache = cache
        self.apply()
        time.sleep_ms(REFERENCE_MS)
        self.rate = rate
        self.gains = gains
        self.vref = vref
        self.ac = features.get("lead_off") == "ac"
        self.lead_off_amperes = features.get("lead_off_amperes", 6e-9)
        self._settings = dict(rate=rate, gain=gain, vref=vref, inputs=inputs, **features)

    def nv_per_code(self, channel=0):
        """Nanovolts at the electrodes of one code of a channel, calibrated where there is one."""
        nominal = self.nominal_nv(channel)
        if self.calibration is None:
            return nominal
        return self.calibration.nv_per_code(nominal, channel)

    def nominal_nv(self, channel=0):
        """Nanovolts of one code as the data sheet has it."""
        return self.part.code_volts(self.gains[channel], self.vref) * 1e9

    def input_flags(self, word):
        """The lead-off flags of a status word as input bits (see `leads`)."""
        if self.ac:
            return word  # `monitor.acleads` has put them there
        return flags.inputs(self.part, word)

    def sensed_inputs(self):
        """The inputs whose lead-off flags mean something: bits as in `leads`."""
        return flags.sensed(self.part, self.cache)

    # --- running

    def start(self):
        """Continuous read mode, then conversions; CS stays low until `stop`."""
        if not self.rate:
            raise RuntimeError("configure() comes before start()")
        self._idle("start")
        bus = self.bus
        try:
            bus.read(0, len(self.cache.wanted))  # so that audits find all made
            bus.command(wires.RDATAC)
            bus.fast()
            bus.cs(0)
            bus.streaming = True
            self.running = True
            if bus.start_pin:
                bus.start_pin(1)
            else:
                bus.command(wires.START)
        except BaseException:
            self._safe()
            raise

    def stop(self):
        """No more conversions; the part takes register access again."""
        if not self.running:
            return
        bus = self.bus
        self.running = False
        if bus.start_pin:
            bus.start_pin(0)
        bus.slow()
        if not bus.start_pin:
            bus.command(wires.STOP)
        bus.command(wires.SDATAC)
        bus.streaming = False
        bus.select(False)

    def audit_running(self):
        """`audit` between two frames: SDATAC, read, RDATAC; conversions go on meanwhile."""
        bus = self.bus
        bus.clock(self._audit_baudrate)
        bus.command(wires.SDATAC)
        changed = self.audit()
        bus.command(wires.RDATAC)
        bus.clock(bus.sample_baudrate)
        return changed

    def convert(self):
        """One conversion on demand, `single_shot=True` -> (status word of 24 bits, [codes])."""
        if not self.rate or not self._settings.get("single_shot"):
            raise RuntimeError("configure(single_shot=True) comes before convert()")
        self._idle("convert once")
        bus = self.bus
        limit = self.settling_ms() + 20
        try:
            if bus.start_pin:
                bus.start_pin(1)
            else:
                bus.command(wires.START)
            begun = time.ticks_ms()
            while bus.drdy():
                if time.ticks_diff(time.ticks_ms(), begun) > limit:
                    raise errors.no_drdy(limit)
                time.sleep_us(100)
            frame = bus.read_data(self.part.frame_bytes)
            if bus.start_pin:
                bus.start_pin(0)
        except BaseException:
            self._safe()
            raise
        return self.decode(frame)

    def decode(self, frame):
        """A frame's bytes -> (status word of 24 bits, [codes]); the sampler has its own way."""
        part = self.part
        at = part.status_bytes
        status = int.from_bytes(frame[:at], "big") << (8 if at == 2 else 0)
        if status & part.sync_mask != part.sync:
            raise errors.AfeError(
                errors.OUT_OF_SYNC, "a frame begins with 0x%06X, not with 1100" % status
            )
        codes = []
        for _ in range(part.channels):
            code = int.from_bytes(frame[at : at + part.sample_bytes], "big")
            codes.append(code - (1 << part.bits) if code >> (part.bits - 1) else code)
            at += part.sample_bytes
        return status, codes

    def standby(self):
        """Least power with the registers kept; `wake` ends it."""
        self._idle("stand by")
        self.bus.command(wires.STANDBY)

    def wake(self):
        self.bus.command(wires.WAKEUP)
        time.sleep_ms(REFERENCE_MS)

    def recover(self):
        """From whatever state: power down and up, find the same part, configure as before, verify.

        Returns nothing; AfeError when the part is still not itself (it is left in power-down).
        """
        self.running = False
        self.bus.power_down()
        self.bus.streaming = False
        time.sleep_ms(10)  # longer than 2^9 tMOD (4 ms): really powered down
        found = PoweredOff(self.board, self.bus).power_up()
        if found.part.name != self.part.name:
            self._safe()
            raise errors.wrong_part(found.part.name, self.part.name)
        if self._settings:
            self.apply()
            time.sleep_ms(REFERENCE_MS)

    def shut_down(self):
        """Safe and powered down -> `PoweredOff`."""
        try:
            self.stop()
        finally:
            self._safe()
        return PoweredOff(self.board, self.bus)

    def settling_ms(self):
        """Milliseconds from START to the first DRDY, rounded up (the filter settles)."""
        return self.cache.settling_clocks() * self.part.tclk_ns // 1000000 + 1

    def _safe(self):
        self.running = False
        self.bus.power_down()

    def _idle(self, what):
        if self.running:
            raise errors.AfeError(
                errors.BUSY, "can't %s while the front end is running: stop() first" % what
            )


def _each(value, count, what):
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(
                "%s has %d values, the part has %d channels" % (what, len(value), count)
            )
        return list(value)
    return [value] * count


def _choice(options, value, what, part):
    if value not in options:
        raise ValueError(
            "%s must be one of %s on an %s, not %r"
            % (what, ", ".join(str(k) for k in options), part.name, value)
        )
    return options[value]
