"""What the registers of ADS1191/2 and ADS1291/2/2R mean for the analog side (SBAS502, SBAS566)."""

from models import analog

_GAINS = (6, 1, 2, 3, 4, 8, 12, 0)
_CURRENTS = (6e-9, 22e-9, 6e-6, 22e-6)
_THRESHOLDS = (0.95, 0.925, 0.90, 0.875, 0.85, 0.80, 0.75, 0.70)
RATES = (125, 250, 500, 1000, 2000, 4000, 8000, 0)

CONFIG1, CONFIG2, LOFF, CH1SET, CH2SET, RLD_SENS, LOFF_SENS, LOFF_STAT = 1, 2, 3, 4, 5, 6, 7, 8
RESP1, RESP2, GPIO = 9, 10, 11


class TwoChannel(analog.Analog):
    def rate(self, regs):
        return RATES[regs[CONFIG1] & 7]

    def single_shot(self, regs):
        return bool(regs[CONFIG1] & 0x80)

    def restarts_filter(self, address):
        """Whether a write to this register resets the digital filter."""
        return address == CONFIG1

    def settling_key(self, regs):
        return regs[CONFIG1] & 7

    def complaints(self, regs):
        """Settings that the data sheet calls not available."""
        found = []
        if regs[CONFIG1] & 7 == 7:
            found.append("CONFIG1.DR = 111 is not to be used")
        for n in (1, 2):
            value = regs[CH1SET + n - 1]
            if value >> 4 & 7 == 7:
                found.append("CH%dSET.GAIN = 111 is not to be used" % n)
            if value & 15 > 9:
                found.append("CH%dSET.MUX = %d is reserved" % (n, value & 15))
        return found

    def refresh(self, regs):
        vref = 4.033 if regs[CONFIG2] & 0x10 else 2.42
        referenced = regs[CONFIG2] & 0x20
        comparators = regs[CONFIG2] & 0x40
        rate = self.rate(regs) or 1
        current = _CURRENTS[regs[LOFF] >> 2 & 3]
        dc = not regs[LOFF] & 1
        sense = regs[LOFF_SENS]
        # Shares of the supply at which the comparators trip, as volts from the middle.
        limit = (_THRESHOLDS[regs[LOFF] >> 5] - 0.5) * analog.AVDD
        self.vref = vref
        self._square_us = 500000 if regs[CONFIG2] & 1 else 0
        self.flags_p = self.flags_n = 0
        pairs = self.electrodes.pairs
        drive = regs[RLD_SENS]
        chosen = [
            pairs[bit // 2][bit % 2]
            for bit in range(2 * self.part.channels)
            if drive >> bit & 1 and not regs[CH1SET + bit // 2] & 0x8F
        ]
        self.loop(drive & 0x20 and regs[RESP2] & 0x02, chosen, drive & 0x10 and comparators)
        # An electrode may feed two inputs: their currents add up in its contact.
        currents = {}
        sources = []
        for channel in range(2):
            flip = sense >> (4 + channel) & 1
            up = -current if flip else current
            p = up if sense >> (2 * channel) & 1 else 0.0
            n = -up if sense >> (2 * channel + 1) & 1 else 0.0
            sources.append((p, n))
            for name, amperes in zip(self.electrodes.pairs[channel], (p, n)):
                currents[name] = currents.get(name, 0.0) + amperes
        for channel in range(2):
            plan = self.plans[channel]
            plan.ac = plan.hum = 0.0
            value = regs[CH1SET + channel]
            gain = _GAINS[value >> 4 & 7] or 1
            if value & 0x80 or channel >= self.part.channels:
                plan.kind = analog.OFF
                continue
            if not referenced:
                plan.kind = analog.FULL
                continue
            plan.scale = gain * self.top / vref
            plan.noise = self.input_noise_volts(gain, rate) * plan.scale
            mux = value & 15
            plan.volts = 0.0
            plan.kind = analog.FIXED
            breathing = self.part.respiration and channel == 0 and regs[RESP1] & 0xC0 == 0xC0
            if mux == 0 and breathing:
                step = 22.5 if regs[RESP2] & 4 else 11.25
                self.plan_breath(plan, step * (regs[RESP1] >> 2 & 15))
            elif mux == 0:
                p, n = self.electrodes.pairs[channel]
                ip, in_ = sources[channel]
                ip, in_ = (currents[p] if ip else 0.0), (currents[n] if in_ else 0.0)
                self.plan_sensed(plan, channel, gain, ip, in_, dc, limit if comparators else None)
            elif mux == 2:
                self.plan_drive(plan, True)
            elif mux == 3:
                plan.volts = self.supply_volts(0.5 if channel == 0 else 0.25)
            elif mux == 4:
                plan.volts = self.thermometer_volts()
            elif mux == 5:
                if regs[CONFIG2] & 2:
                    plan.kind = analog.TEST

    def test_volts(self, t_us):
        """+/-(VREFP - VREFN)/2420, 1 Hz or DC."""
        amplitude = self.vref / 2420
        if self._square_us and t_us // self._square_us & 1:
            return -amplitude
        return amplitude

    def status(self, regs):
        """The status word as it leads the frame, and what LOFF_STAT reads."""
        stat = self.flag_rld << 4
        for channel in range(2):
            stat |= (self.flags_p >> channel & 1) << (2 * channel)
            stat |= (self.flags_n >> channel & 1) << (2 * channel + 1)
        regs[LOFF_STAT] = regs[LOFF_STAT] & 0x40 | stat
        word = 0xC00000 | stat << 15 | (regs[GPIO] & 3) << 13
        return word >> 8 if self.part.bits == 16 else word

    def calibrates(self, regs):
        return bool(regs[RESP2] & 0x80)
