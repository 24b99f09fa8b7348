"""What the registers of ADS119x, ADS129x and ADS1299 (4 to 8 channels) mean for the analog side.

From SBAS471, SBAS459 and SBAS499.
"""

from models import analog

_GAINS = (6, 1, 2, 3, 4, 8, 12, 0)
_GAINS_1299 = (1, 2, 4, 6, 8, 12, 24, 0)
_CURRENTS = (6e-9, 12e-9, 18e-9, 24e-9)
_CURRENTS_1299 = (6e-9, 24e-9, 6e-6, 24e-6)
_THRESHOLDS = (0.95, 0.925, 0.90, 0.875, 0.85, 0.80, 0.75, 0.70)

CONFIG1, CONFIG2, CONFIG3, LOFF, CH1SET = 1, 2, 3, 4, 5
SENSP, SENSN, LOFF_SENSP, LOFF_SENSN, LOFF_FLIP = 0x0D, 0x0E, 0x0F, 0x10, 0x11
LOFF_STATP, LOFF_STATN, GPIO, RESP, CONFIG4 = 0x12, 0x13, 0x14, 0x16, 0x17
WCT1, WCT2 = 0x18, 0x19

FCLK = 2048000


class EightChannel(analog.Analog):
    def _series(self):
        name = self.part.name
        if name.startswith("ADS1299"):
            return "1299"
        return "119x" if name.startswith("ADS119") else "129x"

    def rate(self, regs):
        code = regs[CONFIG1] & 7
        if code == 7:
            return 0
        series = self._series()
        if series == "119x":
            return 8000 >> code
        if series == "1299" or not regs[CONFIG1] & 0x80:
            return 16000 >> code
        return 32000 >> code

    def single_shot(self, regs):
        return bool(regs[CONFIG4] & 8)

    def restarts_filter(self, address):
        # SBAS459, SBAS471: CONFIG1 and RESP; SBAS499: CONFIG1.
        return address == CONFIG1 or (address == RESP and self._series() != "1299")

    def settling_key(self, regs):
        low = self._series() == "129x" and not regs[CONFIG1] & 0x80
        return (regs[CONFIG1] & 7) + (8 if low else 0)

    def calibrates(self, regs):
        return False

    def complaints(self, regs):
        found = []
        series = self._series()
        if regs[CONFIG1] & 7 == 7:
            found.append("CONFIG1.DR = 111 is not to be used")
        for n in range(self.part.channels):
            if regs[CH1SET + n] >> 4 & 7 == 7:
                found.append("CH%dSET.GAIN = 111 is not to be used" % (n + 1))
        if series != "1299":
            if regs[LOFF] & 3 == 2:
                found.append("LOFF.FLEAD_OFF = 10 is not to be used")
            if (regs[LOFF_SENSP] or regs[LOFF_SENSN]) and not regs[LOFF] & 3:
                found.append("LOFF.FLEAD_OFF = 00 with lead-off sensed: 01 or 11")
        if regs[CONFIG2] & 3 == 2:
            found.append("CONFIG2.TEST_FREQ = 10 is not used")
        return found

    def refresh(self, regs):
        series = self._series()
        if series == "1299":
            self.vref = 4.5
            gains, amperes = _GAINS_1299, _CURRENTS_1299
            dc = regs[LOFF] & 3 == 0
        else:
            self.vref = 4.0 if regs[CONFIG3] & 0x20 else 2.4
            gains, amperes = _GAINS, _CURRENTS
            dc = regs[LOFF] & 3 == 3
        vref = self.vref
        rate = self.rate(regs) or 1
        current = amperes[regs[LOFF] >> 2 & 3]
        limit = (_THRESHOLDS[regs[LOFF] >> 5] - 0.5) * analog.AVDD
        comparators = regs[CONFIG4] & 2
        test = regs[CONFIG2] & 0x10
        self._test_volts = vref / 2400 * (2 if regs[CONFIG2] & 4 else 1)
        shift = {0: 21, 1: 20}.get(regs[CONFIG2] & 3)
        self._half_us = (1 << shift) * 1000000 // FCLK // 2 if shift else 0
        self.flags_p = self.flags_n = 0
        pairs = self.electrodes.pairs
        chosen = [
            pairs[n][side]
            for n in range(self.part.channels)
            for side in (0, 1)
            if regs[SENSP + side] >> n & 1 and not regs[CH1SET + n] & 0x87
        ]
        drive = regs[CONFIG3] & 0x0C == 0x0C  # amplifier and internal reference
        self.loop(drive, chosen, regs[CONFIG3] & 0x02 and comparators)
        # (An ADS1299 makes none: there it is three resistors, always there.)
        self.terminal = series == "1299" or (regs[WCT1] & 8 and regs[WCT2] & 0xC0 == 0xC0)
        currents = {}
        sources = []
        for channel in range(self.part.channels):
            up = -current if regs[LOFF_FLIP] >> channel & 1 else current
            p = up if regs[LOFF_SENSP] >> channel & 1 else 0.0
            n = -up if regs[LOFF_SENSN] >> channel & 1 else 0.0
            sources.append((p, n))
            for name, value in zip(pairs[channel], (p, n)):
                if name != "WCT":  # the terminal is an amplifier's output: no contact of its own
                    currents[name] = currents.get(name, 0.0) + value
        breathing = self.part.respiration and regs[RESP] & 0xC0 == 0xC0 and regs[RESP] & 3 == 2
        for channel in range(self.part.channels):
            plan = self.plans[channel]
            plan.ac = plan.hum = 0.0
            value = regs[CH1SET + channel]
            gain = gains[value >> 4 & 7] or 1
            if value & 0x80:
                plan.kind = analog.OFF
                continue
            if not regs[CONFIG3] & 0x80:
                plan.kind = analog.FULL  # no reference
                continue
            plan.scale = gain * self.top / vref
            plan.noise = self.input_noise_volts(gain, rate) * plan.scale
            plan.volts = 0.0
            plan.kind = analog.FIXED
            mux = value & 7
            if mux == 0 and channel == 0 and breathing:
                self.plan_breath(plan, 22.5 * ((regs[RESP] >> 2 & 7) + 1))
            elif mux == 0:
                p, n = pairs[channel]
                ip, in_ = sources[channel]
                ip = currents.get(p, 0.0) if ip else 0.0
                in_ = currents.get(n, 0.0) if in_ else 0.0
                self.plan_sensed(plan, channel, gain, ip, in_, dc, limit if comparators else None)
            elif mux == 2:
                self.plan_drive(plan, regs[CONFIG3] & 0x10)  # RLD_MEAS, the switch
            elif mux == 3:
                # SBAS459: channels 3 and 4 see DVDD/4, the others half the analog supply.
                plan.volts = self.supply_volts(0.25 if channel in (2, 3) else 0.5)
            elif mux == 4:
                plan.volts = self.thermometer_volts()
            elif mux == 5 and test:
                plan.kind = analog.TEST

    def test_volts(self, t_us):
        if self._half_us and t_us // self._half_us & 1:
            return -self._test_volts
        return self._test_volts

    def status(self, regs):
        regs[LOFF_STATP] = self.flags_p
        regs[LOFF_STATN] = self.flags_n
        regs[CONFIG3] = regs[CONFIG3] & 0xFE | self.flag_rld
        return 0xC00000 | self.flags_p << 12 | self.flags_n << 4 | regs[GPIO] >> 4
