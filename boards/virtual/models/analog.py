"""From electrodes to codes: inputs, gain, reference, test signal, lead-off, saturation, noise.

`Analog` is the part common to all; a family fills in what its registers mean (`two_channel`,
`eight_channel` in this package). `refresh` runs when a register or an electrode changed and works
out one plan per channel; `codes` runs per conversion and only follows the plans.
"""

from models.electrodes import FLOATING_HUM_VOLTS, OFF_OHMS, UNDRIVEN_HUM_VOLTS

AVDD = 3.3  # single supply; half of it is the middle that the right-leg drive holds the body at
TEMPERATURE_C = 31.0  # of the die
# What tests can switch on; see `Analog.spoil`.
FAULTS = {
    "gain_ppm": 0,
    "offset_uv": 0,
    "noise": 1,
    "supply": AVDD,
    "celsius": TEMPERATURE_C,
    "test_dead": False,
}

# Standard normal deviates to draw from: deterministic, and cheap per sample.
_NOISE_LENGTH = 1021


def _normal_table():
    # Sum of twelve uniforms (Irwin-Hall) from a linear congruential generator.
    table = []
    seed = 12345
    for _ in range(_NOISE_LENGTH):
        total = 0
        for _ in range(12):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            total += seed >> 8
        table.append(total / 8388608.0 - 6.0)
    return table


NORMAL = _normal_table()

# Kinds of plan.
OFF = 0  # powered down: zeros
FIXED = 1  # a constant plus noise
LEAD = 2  # the body's lead plus a constant plus noise
TEST = 3  # square wave
FLOATING = 4  # nobody holds the input: hum
FULL = 5  # no reference: full scale
BREATH = 6  # impedance, demodulated

RESPIRATION_AMPERES = 29e-6  # SBAS502: 29 uA rms of modulation current


def mains(t_us, hz):
    """The mains at a time, -1 to 1: parabolic, within 6 % of a sine, which is enough."""
    phase = (t_us * hz % 1000000) * 2 / 1000000.0
    if phase < 1:
        return 4 * phase * (1 - phase)
    phase -= 1
    return -4 * phase * (1 - phase)


class Plan:
    def __init__(self):
        self.kind = OFF
        self.volts = 0.0
        self.scale = 0.0  # codes per volt
        self.noise = 0.0  # codes rms
        self.hum = 0.0  # volts of amplitude
        self.ac = 0.0  # volts of the AC lead-off excitation
        self.lead = 0


class Analog:
    """`quiet` switches the part's own noise off, for tests that check codes one by one."""

    def __init__(self, part, electrodes):
        self.part = part
        self.electrodes = electrodes
        self.quiet = False
        self.faults = FAULTS
        # uV rms at 250 SPS: a constant and one that the gain divides. SBAS502: 1.3 at gain 6, 4 at
        # 1; SBAS566 and SBAS471: 24 uVpp; SBAS459: 4 uVpp; SBAS499: 0.21 at gain 6, 0.14 at 24.
        if part.bits == 16:
            self.noise_uv = (2.0, 3.0)
        elif part.name.startswith("ADS1299"):
            self.noise_uv = (0.1, 0.7)
        else:
            self.noise_uv = (0.85, 2.6)
        self.flags_p = 0  # comparators: inputs found off, by channel bit
        self.flags_n = 0
        self.flag_rld = 0
        self.closed = False  # the right-leg drive's loop, through the body
        self.terminal = True  # whether somebody makes Wilson's terminal
        self.plans = [Plan() for _ in range(part.slots)]
        self.codes = [0] * part.slots
        self.top = (1 << (part.bits - 1)) - 1
        self._at = 0
        self._count = 0

    def supply_volts(self, share):
        """What the input "supply" sees."""
        return self.faults["supply"] * share

    def thermometer_volts(self):
        """SBAS502: 145.3 mV at 25 C, 490 uV/C."""
        return 0.1453 + (self.faults["celsius"] - 25) * 490e-6

    def spoil(self):
        """Puts the faults on top of the plans that were just made."""
        faults = self.faults
        for plan in self.plans:
            if plan.kind in (OFF, FULL):
                continue
            plan.scale *= 1 + faults["gain_ppm"] / 1e6
            plan.noise *= faults["noise"]
            plan.volts += faults["offset_uv"] * 1e-6

    def input_noise_volts(self, gain, rate):
        """rms at the input: thermal noise by the root of the rate, as the tables have it."""
        thermal, stage = self.noise_uv
        return (thermal + stage / gain) * 1e-6 * (rate / 250.0) ** 0.5

    def loop(self, driven, chosen, sensed):
        """Whether the right-leg drive reaches the body and hears of it; sets the electrode's flag.

        `driven`: amplifier and its reference are on. `chosen`: the electrodes whose channels lead
        to it (it hears the PGAs' outputs: only channels that look at their electrodes count).
        `sensed`: comparators and RLD_LOFF_SENS are on: that finds a loose electrode only while the
        amplifier is off (SBAS502, SBAS459, RLD lead-off; TI, E2E 683315: never while it drives).
        """
        e = self.electrodes
        on = e.get("RL").on
        self.closed = bool(driven and on and any(e.get(name).on for name in chosen))
        self.flag_rld = 1 if sensed and not driven and not on else 0

    def plan_drive(self, plan, switched):
        """The right-leg drive's output against its reference: at a rail without its loop."""
        plan.volts = 0.012 if switched and self.closed else AVDD / 2

    def plan_input(self, plan, channel, gain, current_p, current_n):
        """Plans a channel that looks at its electrodes; currents are the lead-off sources' (A)."""
        e = self.electrodes
        pair = e.pairs[channel]
        positive = e.get(pair[0])
        negative = e.get(pair[1])
        plan.lead = channel
        vp = e.volts(positive, current_p)
        vn = e.volts(negative, current_n)
        half = AVDD / 2
        vp = min(half, max(-half, vp))
        vn = min(half, max(-half, vn))
        floating = (not positive.on and current_p == 0) or (not negative.on and current_n == 0)
        if pair[1] == "WCT" and not self.terminal:
            floating = True
        plan.kind = LEAD if positive.on and negative.on else FIXED
        plan.volts = vp - vn
        plan.hum = (positive.hum_uv + negative.hum_uv) * 1e-6
        if not self.closed:
            plan.hum += UNDRIVEN_HUM_VOLTS
        extra = (positive.noise_uv + negative.noise_uv) * 1e-6
        plan.noise = (plan.noise**2 + (extra * plan.scale) ** 2) ** 0.5
        if floating:
            plan.kind = FLOATING
            plan.hum += FLOATING_HUM_VOLTS
        return vp, vn

    def plan_sensed(self, plan, channel, gain, current_p, current_n, dc, limit):
        """A channel on its electrodes, with lead-off currents; `limit` None: no comparators."""
        if dc:
            vp, vn = self.plan_input(plan, channel, gain, current_p, current_n)
            if limit is not None:
                if current_p and abs(vp) >= limit:
                    self.flags_p |= 1 << channel
                if current_n and abs(vn) >= limit:
                    self.flags_n |= 1 << channel
            return
        # AC: the current swings at a quarter of the rate; firmware looks at what it leaves there.
        self.plan_input(plan, channel, gain, 0.0, 0.0)
        swing = 0.0
        pair = self.electrodes.pairs[channel]
        for name, amperes in zip(pair, (current_p, current_n)):
            contact = self.electrodes.get(name)
            swing += abs(amperes) * (contact.ohms if contact.on else OFF_OHMS)
        plan.ac = min(swing, AVDD)

    def plan_breath(self, plan, degrees):
        """Channel 1 demodulates the impedance between its electrodes (R parts)."""
        plan.kind = BREATH
        # The signal comes back late by the cable: 112.5 degrees is its best phase here.
        off = abs(degrees - 112.5) / 90
        plan.volts = RESPIRATION_AMPERES * max(0.0, 1 - off * off)  # volts per ohm
        for name in self.electrodes.pairs[0]:
            if not self.electrodes.get(name).on:
                plan.kind = FIXED
                plan.volts = AVDD

    def convert(self, t_us):
        """Fills `codes` for the conversion that ends at `t_us`."""
        leads = self.electrodes.patient.leads(t_us)
        codes = self.codes
        top = self.top
        self._count += 1
        i = 0
        for plan in self.plans:
            kind = plan.kind
            if kind == OFF:
                codes[i] = 0
                i += 1
                continue
            if kind == FULL:
                codes[i] = top
                i += 1
                continue
            volts = plan.volts
            if kind == LEAD:
                if plan.lead < len(leads):
                    volts += leads[plan.lead]
            elif kind == BREATH:
                volts *= self.electrodes.impedance(t_us)
            elif kind == TEST:
                volts += 0.0 if self.faults["test_dead"] else self.test_volts(t_us)
            if plan.hum:
                volts += plan.hum * mains(t_us, self.electrodes.hum_hz)
            if plan.ac:
                volts += plan.ac if self._count & 2 else -plan.ac
            value = volts * plan.scale
            if plan.noise and not self.quiet:
                self._at = at = (self._at + 1) % 1021
                value += plan.noise * NORMAL[at]
            value = int(value + 0.5) if value >= 0 else -int(0.5 - value)
            if value > top:
                value = top
            elif value < -top - 1:
                value = -top - 1
            codes[i] = value
            i += 1
        return codes

    def test_volts(self, t_us):
        raise NotImplementedError
