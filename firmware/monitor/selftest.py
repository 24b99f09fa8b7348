"""Self-test of the front end: numbers with limits, each a pass or a fail.

    test = for_part(afe, board, "connected")
    for result in test.run():            # yields each as it is done: about 12 s in all
        print(result)          # "input-short noise CH1 1.21 uV rms (limits 0 to 2.5): pass"
    Calibration.of(test, "2026-05-04")   # see `calibration`

`steps()` is the same for a loop that has more to do: it yields None whenever it waits. The part is
left stopped and needs `configure` again. `electrodes` says what hangs on the inputs while the
lead-off loop is tested: "connected" (nothing may be flagged), "open" (everything must).
"""

import time

from monitor import limits
from monitor.afe import errors, leads
from monitor.measuring import Statistics
from monitor.samplers import by_interrupt

RATE = 250
GAIN = 6
# uV rms and peak-to-peak with the inputs shorted, 250 samples/s and gain 6: twice what the sheets
# give as typical (8 uVpp ADS1291/2, 24 ADS119x, 4 to 6 ADS129x, 1.5 ADS1299).
_NOISE = {"two24": (2.5, 16.0), "119x": (8.0, 60.0), "129x": (2.5, 16.0), "1299": (0.6, 4.0)}
_OFFSET_UV = 1000.0
_GAIN_PERCENT = 3.0  # test signal 2 %, reference 0.5 %, gain 0.2 %
_CLOCK_PPM = 25000.0  # internal oscillator: 0.5 % at 25 C, 2.5 % over temperature
_SETTLE_MS = 300


class Result:
    """One number: `value` in the unit of its `code` within `low`..`high` is a pass.

    `channel` from 1; 0: of the whole part."""

    def __init__(self, code, channel, value, low, high):
        self.code = code
        self.channel = channel
        self.value = value
        self.low = low
        self.high = high
        self.passed = low <= value <= high

    @property
    def name(self):
        return limits.name_of(self.code, self.channel)

    def __str__(self):
        return "%s %.4g %s (limits %.4g to %.4g): %s" % (
            self.name,
            self.value,
            limits.MEASURED[self.code][1],
            self.low,
            self.high,
            "pass" if self.passed else "FAIL",
        )


class SelfTest:
    """`results` fills while `run` or `steps` is iterated."""

    def __init__(self, afe, board, electrodes="connected"):
        if electrodes not in limits.ELECTRODES:
            raise ValueError('electrodes must be "connected" or "open", not %r' % (electrodes,))
        self.afe = afe
        self.board = board
        self.electrodes = electrodes
        self.results = []
        self.offset_codes = [0.0] * afe.channels
        self.gain_ppm = [0] * afe.channels
        self.rate_ppm = 0
        part = afe.part
        self._kind = (
            ("two24" if part.bits == 24 else "119x")
            if part.family == "two"
            else getattr(part, "series", part.family)
        )
        self._stats = None

    @property
    def passed(self):
        return bool(self.results) and all(r.passed for r in self.results)

    def run(self):
        """Yields a `Result` at a time. AfeError when the part does not work at all."""
        for result in self.steps():
            if result is None:
                time.sleep_ms(5)
            else:
                yield result

    def steps(self):
        """As `run`, with None whenever there is nothing to do but wait."""
        self.afe.stop()
        for step in (
            self._identity,
            self._bits,
            self._walk,
            self._short,
            self._signal,
            self._supply,
            self._lead_off,
            self._drive,
        ):
            for result in step():
                if result is not None:
                    self.results.append(result)
                yield result
        self.afe.stop()

    # --- the bus

    def _identity(self):
        part = self.afe.part
        value = self.afe.read_registers()[0] & part.id_mask
        yield Result(limits.ID, 0, value, part.id, part.id)

    def _bits(self):
        """Reads all registers over and over: every bit that differs is an error of the bus."""
        afe = self.afe
        afe.configure(rate=RATE, gain=GAIN, inputs="shorted", lead_off=None)
        first = afe.read_registers()
        wrong = 0
        for _ in range(100):
            yield None
            read = afe.bus.read(0, len(first))
            for register in afe.part.registers:
                i = register.address
                wrong += bin((read[i] ^ first[i]) & ~register.volatile & 0xFF).count("1")
        yield Result(limits.BITS, 0, wrong, 0, 0)

    def _walk(self):
        """Writes every gain, threshold and single sense bit and reads it back."""
        afe = self.afe
        part = afe.part
        wrong = 0
        sense = ("LOFF_SENS",) if part.family == "two" else ("LOFF_SENSP", "LOFF_SENSN")
        cases = []
        for i in range(part.channels):
            cases += [("CH%dSET" % (i + 1), "GAIN", code) for code in part.gains.values()]
        cases += [("LOFF", "COMP_TH", code) for code in part.lead_off_percent.values()]
        for name in sense:
            cases += [(name, field, 1) for field, _, _ in part[name].fields]
        dc = {"two": None, "eight": 0 if self._kind == "1299" else 3}[part.family]
        if dc:
            afe.bus.write(part["LOFF"].address, bytes([dc]))
        for name, field, code in cases:
            yield None
            register = part[name]
            base = register.mend(register.reset) | (dc or 0 if name == "LOFF" else 0)
            value = register.put(base, field, code)
            for wanted in (value, base):
                afe.bus.write(register.address, bytes([wanted]))
                read = afe.bus.read(register.address, 1)[0]
                wrong += (read ^ wanted) & register.compared() != 0
        yield Result(limits.WALK, 0, wrong, 0, 0)

    # --- signals

    def _short(self):
        """Inputs shorted: noise, offset, and the rate against the processor's clock."""
        afe = self.afe
        afe.configure(rate=RATE, gain=GAIN, inputs="shorted", lead_off=None, rld=None)
        yield from self._collect(2000)
        yield from self._quiet()

    def _quiet(self):
        """Noise, peak and offset of each channel, and the rate, of what was collected."""
        rms_limit, peak_limit = self._noise_limits()
        for c, s in enumerate(self._stats):
            uv = self.afe.nominal_nv(c) / 1000
            self.offset_codes[c] = s.mean
            yield Result(limits.NOISE, c + 1, s.rms * uv, 0.0, rms_limit)
            yield Result(limits.PEAK, c + 1, s.peak * uv, 0.0, peak_limit)
            yield Result(limits.OFFSET, c + 1, s.mean * uv, -_OFFSET_UV, _OFFSET_UV)
        self.rate_ppm = self._rate_ppm
        yield Result(limits.RATE, 0, self._rate_ppm, -_CLOCK_PPM, _CLOCK_PPM)

    def _noise_limits(self):
        return _NOISE[self._kind]

    def _signal(self):
        """The internal square wave: amplitude and frequency through the whole chain."""
        afe = self.afe
        afe.configure(
            rate=RATE, gain=GAIN, inputs="test", test_signal="square", lead_off=None, rld=None
        )
        yield from self._collect(4100)
        volts = afe.vref / (2420 if afe.part.family == "two" else 2400)
        # 1 Hz on the two-channel parts; fCLK / 2^21 = 0.977 Hz on the others.
        hertz = 1.0 if afe.part.family == "two" else 2048000 / (1 << 21)
        for c, s in enumerate(self._stats):
            got = s.step * afe.nominal_nv(c) * 1e-9
            yield self._gain(c, (got / volts - 1) * 100)
            yield Result(limits.SIGNAL, c + 1, s.hertz(afe.rate), hertz * 0.94, hertz * 1.06)

    def _gain(self, channel, percent):
        self.gain_ppm[channel] = round(percent * 10000)
        return Result(limits.GAIN, channel + 1, percent, -_GAIN_PERCENT, _GAIN_PERCENT)

    def _supply(self):
        afe = self.afe
        afe.configure(rate=RATE, gain=1, inputs="supply", lead_off=None, rld=None)
        yield from self._collect(300)
        volts = self._stats[0].mean * afe.nominal_nv(0) * 1e-9
        yield Result(limits.SUPPLY, 0, volts * 2, 2.7, 5.25)
        afe.configure(rate=RATE, gain=1, inputs="temperature", lead_off=None, rld=None)
        yield from self._collect(300)
        volts = self._stats[0].mean * afe.nominal_nv(0) * 1e-9
        yield Result(limits.TEMPERATURE, 0, (volts - 0.1453) / 490e-6 + 25, -10.0, 70.0)

    def _lead_off(self):
        """The comparators against what the technician says hangs on the inputs."""
        afe = self.afe
        afe.configure(rate=RATE, gain=GAIN)
        yield from self._collect(400)
        sensed = afe.sensed_inputs()
        if self.electrodes == "open":
            # Wilson's terminal is an amplifier's output, which is never off.
            for channel in range(2, afe.channels):
                sensed &= ~leads.n(channel)
        count = bin(self._flags & sensed).count("1")
        expected = 0 if self.electrodes == "connected" else bin(sensed).count("1")
        yield Result(limits.LEADS, 0, count, expected, expected)

    def _drive(self):
        """The right-leg drive, measured against its reference: near zero when it has its loop.

        It hears the output of channel 1's PGA, so channel 1 stays on its electrodes, and channel 2
        looks: were that channel 1, the loop would close over the measurement, not the body."""
        afe = self.afe
        if self.electrodes != "connected" or afe.channels < 2:
            return
        inputs = ["normal", "rld"] + ["off"] * (afe.channels - 2)
        afe.configure(rate=RATE, gain=1, inputs=inputs, lead_off=None)
        yield from self._collect(300)
        volts = self._stats[1].mean * afe.nominal_nv(1) * 1e-9
        yield Result(limits.DRIVE, 0, volts * 1000, -200.0, 200.0)

    def _collect(self, ms):
        """Samples for `ms` after 300 ms of settling: one `Statistics` per channel."""
        afe = self.afe
        sampler = by_interrupt(afe, self.board, 0.5)
        stats = self._stats = [Statistics(ms * afe.rate // 1000 + 64) for _ in range(afe.channels)]
        sampler.run()
        begun = time.ticks_ms()
        self._flags = 0xFFFFFF
        first = None
        try:
            while True:
                elapsed = time.ticks_diff(time.ticks_ms(), begun)
                if elapsed > ms + _SETTLE_MS:
                    break
                yield None
                n = sampler.take()
                if not n:
                    if elapsed > 2000 and sampler.index == 0:
                        raise errors.no_drdy(elapsed)
                    continue
                if sampler.index * 1000 < _SETTLE_MS * afe.rate:
                    continue
                if first is None:
                    first = sampler.newest()
                    first_us = time.ticks_us() - first[1]
                for c in range(afe.channels):
                    stats[c].add(sampler.channels[c], n, sampler.gap)
                for i in range(n):
                    self._flags &= afe.input_flags(sampler.status[i])
            last = sampler.newest()
            spent = time.ticks_diff(time.ticks_us(), first_us) - last[1]
        finally:
            sampler.halt()
        samples = last[0] - first[0]
        self._rate_ppm = (samples * 1e6 / spent / afe.rate - 1) * 1e6 if spent > 0 else 0.0


def for_part(afe, board, electrodes):
    """The self-test that suits the front end."""
    if afe.part.family == "1293":
        from monitor.selftest_1293 import SelfTest1293

        return SelfTest1293(afe, board, electrodes)
    return SelfTest(afe, board, electrodes)
