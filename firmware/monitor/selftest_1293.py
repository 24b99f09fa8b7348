"""Self-test of an ADS1293: as `selftest`, with what this part offers instead.

It has no square wave: a direct test signal of VREF/12 either way (SNAS602, 8.3.3), which shows
each channel's gain against the others', not the reference. It measures neither its supply nor its
temperature, and its right-leg drive can't be looked at.
"""

from monitor import limits
from monitor.selftest import RATE, Result, SelfTest

# 7 uVpp in a band of 40 Hz by the sheet; the monitor's is wider.
_NOISE = (3.0, 24.0)


class SelfTest1293(SelfTest):
    def _identity(self):
        value = self.afe.read(0x40)
        yield Result(limits.ID, 0, value, self.afe.part.id, self.afe.part.id)

    def _bits(self):
        afe = self.afe
        afe.configure(rate=RATE, inputs="shorted", lead_off_amperes=None)
        wrong = 0
        for _ in range(100):
            yield None
            for register in afe.part.registers:
                mask = register.compared()
                if mask:
                    read = afe.read(register.address) ^ afe.cache.wanted[register.address]
                    wrong += bin(read & mask).count("1")
        yield Result(limits.BITS, 0, wrong, 0, 0)

    def _walk(self):
        """Each bit of the routing, the lead-off current and the filters, on and off."""
        afe = self.afe
        wrong = 0
        for name in ("FLEX_CH1_CN", "FLEX_CH2_CN", "FLEX_CH3_CN", "LOD_CURRENT", "R3_RATE_CH1"):
            address = afe.part[name].address
            before = afe.cache.wanted[address]
            for bit in range(8):
                yield None
                afe.write(address, 1 << bit)
                wrong += afe.read(address) != 1 << bit
            afe.write(address, before)
            wrong += afe.read(address) != before
        yield Result(limits.WALK, 0, wrong, 0, 0)

    def _short(self):
        self.afe.configure(rate=RATE, inputs="shorted", lead_off_amperes=None)
        yield from self._collect(2000)
        yield from self._quiet()

    def _signal(self):
        afe = self.afe
        ends = []
        for inputs in ("test+", "test-"):
            afe.configure(rate=RATE, inputs=inputs, lead_off_amperes=None)
            yield from self._collect(500)
            ends.append([s.mean for s in self._stats])
        for c in range(afe.channels):
            got = (ends[0][c] - ends[1][c]) / 2 * afe.nominal_nv(c) * 1e-9
            yield self._gain(c, (got * 12 / afe.vref - 1) * 100)

    def _supply(self):
        return ()

    def _lead_off(self):
        afe = self.afe
        afe.configure(rate=RATE)
        yield from self._collect(400)
        sensed = afe.sensed_inputs()
        count = bin(self._flags & sensed).count("1")
        expected = 0 if self.electrodes == "connected" else bin(sensed).count("1")
        yield Result(limits.LEADS, 0, count, expected, expected)

    def _drive(self):
        return ()

    def _noise_limits(self):
        return _NOISE
