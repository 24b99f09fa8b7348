"""Self-test of the front end: numbers with limits, each a pass or a fail.

    test = SelfTest(afe, board, electrodes="connected")
    for result in test.run():            # yields each as it is done: about 15 s in all
        print(result)          # "input-short noise CH1 1.21 uV rms (limits 0 to 2.5): pass"
    Calibration.of(test, "2026-05-04")   # see `calibration`

The part is left stopped and needs `configure` again. `electrodes` says what hangs on the inputs
while the lead-off loop is tested: "connected" (nothing may be flagged), "open" (everything must).
"""

import time

from monitor.afe import errors, leads
from monitor.sampler import Sampler

RATE = 250
GAIN = 6
# uV rms and peak-to-peak with the inputs shorted, 250 samples/s and gain 6: twice what the sheets
# give as typical (8 uVpp ADS1291/2, 24 ADS119x, 4 to 6 ADS129x, 1.5 ADS1299).
_NOISE = {"two24": (2.5, 16.0), "119x": (8.0, 60.0), "129x": (2.5, 16.0), "1299": (0.6, 4.0)}
_OFFSET_UV = 1000.0
_GAIN_PERCENT = 3.0  # test signal 2 %, reference 0.5 %, gain 0.2 %
_CLOCK_PPM = 25000.0  # internal oscillator: 0.5 % at 25 C, 2.5 % over temperature


class Result:
    """One number: `value` in `unit` within `low`..`high` is a pass."""

    def __init__(self, name, value, unit, low, high):
        self.name = name
        self.value = value
        self.unit = unit
        self.low = low
        self.high = high
        self.passed = low <= value <= high

    def __str__(self):
        return "%s %.4g %s (limits %.4g to %.4g): %s" % (
            self.name,
            self.value,
            self.unit,
            self.low,
            self.high,
            "pass" if self.passed else "FAIL",
        )


class SelfTest:
    """`results` fills while `run` is iterated; `progress()` is called often (for a watchdog)."""

    def __init__(self, afe, board, electrodes="connected", progress=None):
        if electrodes not in ("connected", "open"):
            raise ValueError('electrodes must be "connected" or "open", not %r' % (electrodes,))
        self.afe = afe
        self.board = board
        self.electrodes = electrodes
        self.progress = progress or _nothing
        self.results = []
        self.offset_codes = [0.0] * afe.channels
        self.gain_ppm = [0] * afe.channels
        self.rate_ppm = 0
        part = afe.part
        self._kind = (
            ("two24" if part.bits == 24 else "119x") if part.family == "two" else part.series
        )

    @property
    def passed(self):
        return bool(self.results) and all(r.passed for r in self.results)

    def run(self):
        """Yields a `Result` at a time. AfeError when the part does not work at all."""
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
                self.results.append(result)
                yield result
        self.afe.stop()

    # --- the bus

    def _identity(self):
        afe = self.afe
        value = afe.read_registers()[0]
        yield Result(
            "ID %s" % afe.part.name, value & afe.part.id_mask, "", afe.part.id, afe.part.id
        )

    def _bits(self):
        """Reads all registers over and over: every bit that differs is an error of the bus."""
        afe = self.afe
        afe.configure(rate=RATE, gain=GAIN, inputs="shorted", lead_off=None)
        first = afe.read_registers()
        wrong = bits = 0
        for _ in range(100):
            self.progress()
            read = afe.bus.read(0, len(first))
            for register in afe.part.registers:
                i = register.address
                wrong += bin((read[i] ^ first[i]) & ~register.volatile & 0xFF).count("1")
                bits += 8
        yield Result("SPI bit errors in %d bits" % bits, wrong, "", 0, 0)

    def _walk(self):
        """Writes every gain, threshold and single sense bit and reads it back."""
        afe = self.afe
        part = afe.part
        wrong = tried = 0
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
            register = part[name]
            base = register.mend(register.reset) | (dc or 0 if name == "LOFF" else 0)
            value = register.put(base, field, code)
            for wanted in (value, base):
                afe.bus.write(register.address, bytes([wanted]))
                read = afe.bus.read(register.address, 1)[0]
                tried += 1
                wrong += (read ^ wanted) & register.compared() != 0
            self.progress()
        yield Result("register walk, %d writes" % tried, wrong, "wrong", 0, 0)

    # --- signals

    def _short(self):
        """Inputs shorted: noise, offset, and the rate against the processor's clock."""
        afe = self.afe
        afe.configure(rate=RATE, gain=GAIN, inputs="shorted", lead_off=None, rld=None)
        stats = self._collect(2000)
        rms_limit, peak_limit = _NOISE[self._kind]
        for c, s in enumerate(stats):
            uv = afe.part.code_volts(afe.gains[c], afe.vref) * 1e6
            self.offset_codes[c] = s.mean
            yield Result("input-short noise CH%d" % (c + 1), s.rms * uv, "uV rms", 0.0, rms_limit)
            yield Result("input-short peak CH%d" % (c + 1), s.peak * uv, "uVpp", 0.0, peak_limit)
            yield Result("offset CH%d" % (c + 1), s.mean * uv, "uV", -_OFFSET_UV, _OFFSET_UV)
        self.rate_ppm = self._rate_ppm
        yield Result("DRDY rate", self._rate_ppm, "ppm", -_CLOCK_PPM, _CLOCK_PPM)

    def _signal(self):
        """The internal square wave: amplitude and frequency through the whole chain."""
        afe = self.afe
        afe.configure(
            rate=RATE, gain=GAIN, inputs="test", test_signal="square", lead_off=None, rld=None
        )
        stats = self._collect(4100)
        volts = afe.vref / (2420 if afe.part.family == "two" else 2400)
        # 1 Hz on the two-channel parts; fCLK / 2^21 = 0.977 Hz on the others.
        hertz = 1.0 if afe.part.family == "two" else 2048000 / (1 << 21)
        for c, s in enumerate(stats):
            got = s.step * afe.part.code_volts(afe.gains[c], afe.vref)
            percent = (got / volts - 1) * 100
            self.gain_ppm[c] = round(percent * 10000)
            yield Result("gain error CH%d" % (c + 1), percent, "%", -_GAIN_PERCENT, _GAIN_PERCENT)
            yield Result(
                "test signal CH%d" % (c + 1), s.hertz(RATE), "Hz", hertz * 0.94, hertz * 1.06
            )

    def _supply(self):
        afe = self.afe
        afe.configure(rate=RATE, gain=1, inputs="supply", lead_off=None, rld=None)
        volts = self._collect(300)[0].mean * afe.part.code_volts(1, afe.vref)
        yield Result("analog supply", volts * 2, "V", 2.7, 5.25)
        afe.configure(rate=RATE, gain=1, inputs="temperature", lead_off=None, rld=None)
        volts = self._collect(300)[0].mean * afe.part.code_volts(1, afe.vref)
        yield Result("die temperature", (volts - 0.1453) / 490e-6 + 25, "C", -10.0, 70.0)

    def _lead_off(self):
        """The comparators against what the technician says hangs on the inputs."""
        afe = self.afe
        afe.configure(rate=RATE, gain=GAIN)
        self._collect(400)
        flagged = self._flags & afe.sensed_inputs() & ~leads.RLD
        sensed = bin(afe.sensed_inputs() & ~leads.RLD).count("1")
        count = bin(flagged).count("1")
        expected = 0 if self.electrodes == "connected" else sensed
        yield Result(
            "lead-off flags, electrodes %s" % self.electrodes, count, "", expected, expected
        )

    def _drive(self):
        """The right-leg drive, measured against its reference: near zero when it has its loop."""
        afe = self.afe
        afe.configure(rate=RATE, gain=1, inputs="rld", lead_off=None)
        volts = self._collect(300)[0].mean * afe.part.code_volts(1, afe.vref)
        if self.electrodes == "connected":
            yield Result("right-leg drive", volts * 1000, "mV", -200.0, 200.0)

    def _collect(self, ms):
        """Samples for `ms` after 300 ms of settling -> one `Statistics` per channel."""
        afe = self.afe
        sampler = Sampler(afe, self.board)
        stats = [Statistics() for _ in range(afe.channels)]
        sampler.run()
        begun = time.ticks_ms()
        self._flags = 0xFFFFFF
        first = None
        try:
            while True:
                elapsed = time.ticks_diff(time.ticks_ms(), begun)
                if elapsed > ms + 300:
                    break
                self.progress()
                time.sleep_ms(20)
                n = sampler.take()
                if not n:
                    if elapsed > 2000 and sampler.index == 0:
                        raise errors.no_drdy(elapsed)
                    continue
                if elapsed < 300:
                    continue
                if first is None:
                    first = sampler.newest()
                    first_us = time.ticks_us() - first[1]
                for c in range(afe.channels):
                    stats[c].add(sampler.channels[c], n)
                for i in range(n):
                    self._flags &= afe.input_flags(sampler.status[i])
            last = sampler.newest()
            spent = time.ticks_diff(time.ticks_us(), first_us) - last[1]
        finally:
            sampler.halt()
        samples = last[0] - first[0]
        self._rate_ppm = (samples * 1e6 / spent / afe.rate - 1) * 1e6 if spent > 0 else 0.0
        return stats


class Statistics:
    """Of one channel's codes: mean, rms about it, peak to peak, and the step of a square wave."""

    def __init__(self):
        self.codes = []

    def add(self, block, n):
        self.codes.extend(block[:n])

    @property
    def mean(self):
        return sum(self.codes) / max(1, len(self.codes))

    @property
    def rms(self):
        mean = self.mean
        return (sum((c - mean) ** 2 for c in self.codes) / max(1, len(self.codes))) ** 0.5

    @property
    def peak(self):
        return max(self.codes) - min(self.codes) if self.codes else 0

    @property
    def step(self):
        """Half the distance of the two levels of a square wave, without the edges' few samples."""
        middle = (max(self.codes) + min(self.codes)) / 2
        high = sorted(c for c in self.codes if c > middle)
        low = sorted(c for c in self.codes if c <= middle)
        if not high or not low:
            return 0.0
        return (high[len(high) // 2] - low[len(low) // 2]) / 2

    def hertz(self, rate):
        """Frequency by the distance of the first and last rising edge."""
        middle = (max(self.codes) + min(self.codes)) / 2
        edges = [
            i for i in range(1, len(self.codes)) if self.codes[i - 1] <= middle < self.codes[i]
        ]
        if len(edges) < 2:
            return 0.0
        return (len(edges) - 1) * rate / (edges[-1] - edges[0])


def _nothing():
    pass
