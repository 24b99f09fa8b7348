"""Electrodes on a body: contact resistance, half-cell offset, noise, hum, and coming off.

    electrodes = Electrodes("ADS1292R", patient)
    electrodes.set("LA", on=False)
    electrodes.set("RA", ohms=200e3, offset_mv=12, noise_uv=20, hum_uv=300)

`patient` plays the body: `begin(rate)` when conversions start (samples/s), then `leads(t_us)` once
per conversion, in order: volts between the electrodes of each channel. Which electrode feeds which
input is the arrangement of the part (`wiring`). What an electrode adds depends on the lead-off
current that the chip model sends through it: `current` times `ohms`, as on skin.

Sources: wet Ag/AgCl electrodes have 5-100 kohm at ECG frequencies and offsets up to 300 mV
(ANSI/AAMI EC12); an electrode that is off leaves the input to its leakage (1 Gohm here).
"""

OFF_OHMS = 1e9
DEFAULT_OHMS = 20e3
# What a floating input picks up from the mains when no current pulls it to a rail.
FLOATING_HUM_VOLTS = 5e-3
# What a body that nothing drives leaves between two inputs: some volts against the battery, by the
# difference of two contacts of 20 kohm against the 32 Mohm that 100 pF of cable have at 50 Hz.
UNDRIVEN_HUM_VOLTS = 0.5e-3

_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")


def wiring(part_name):
    """[(electrode at INnP, electrode at INnN)] by channel; the right-leg drive is at RL.

    CH1 = lead I (LA-RA), CH2 = lead II (LL-RA), further channels V1.. against the Wilson terminal.
    """
    pairs = [("LA", "RA"), ("LL", "RA")]
    for name in _CHEST:
        pairs.append((name, "WCT"))
    return pairs


class Electrode:
    def __init__(self, name):
        self.name = name
        self.on = True
        self.ohms = DEFAULT_OHMS
        self.offset_mv = 0.0
        self.noise_uv = 0.0
        self.hum_uv = 0.0


class Quiet:
    """A body without a heart: zero volts on every lead."""

    def begin(self, rate):
        pass

    def leads(self, t_us):
        return (0.0,) * 8


class Electrodes:
    """`changed` is set by `set`; the chip model looks at it before each conversion."""

    def __init__(self, part_name, patient=None):
        self.patient = patient or Quiet()
        self.pairs = wiring(part_name)
        self.hum_hz = 50
        self.chest_ohms = 800.0
        self.breath_ohms = 0.5
        self.breath_us = 4000000
        self._by_name = {}
        self._by_name["RL"] = Electrode("RL")
        for pair in self.pairs:
            for name in pair:
                if name not in self._by_name:
                    self._by_name[name] = Electrode(name)
        self._by_name["WCT"].ohms = 0.0
        self.changed = True

    def set(self, name, on=None, ohms=None, offset_mv=None, noise_uv=None, hum_uv=None):
        """Changes one electrode ("all": every one); ValueError for a name that is not there."""
        if name == "all":
            chosen = [e for e in self._by_name.values() if e.name != "WCT"]
        elif name in self._by_name:
            chosen = [self._by_name[name]]
        else:
            raise ValueError(
                "no electrode %r: there are %s" % (name, ", ".join(sorted(self._by_name)))
            )
        for electrode in chosen:
            if on is not None:
                electrode.on = bool(on)
            if ohms is not None:
                electrode.ohms = float(ohms)
            if offset_mv is not None:
                electrode.offset_mv = float(offset_mv)
            if noise_uv is not None:
                electrode.noise_uv = float(noise_uv)
            if hum_uv is not None:
                electrode.hum_uv = float(hum_uv)
        self.changed = True

    def get(self, name):
        return self._by_name[name]

    def impedance(self, t_us):
        """Ohms across the chest: a constant, and what breathing adds (15 breaths a minute)."""
        phase = t_us % self.breath_us / self.breath_us * 2
        wave = 4 * phase * (1 - phase) if phase < 1 else -4 * (phase - 1) * (2 - phase)
        return self.chest_ohms + self.breath_ohms * wave

    def volts(self, electrode, amperes):
        """DC at the input pin against the body: half-cell offset, current through the contact."""
        ohms = electrode.ohms if electrode.on else OFF_OHMS
        return electrode.offset_mv * 1e-3 + amperes * ohms
