"""A signal's state in words, electrodes by name and colour: for whoever looks at a prompt.

    text(quality, 0)             # "lead off: RA (white)"
    text(quality, 0, "IEC")      # "lead off: R (red)"

Nothing on a board needs it: the link tells numbers, and the host has words of its own.
"""

from monitor import quality as _quality
from monitor.afe import leads

# By the numbers in `quality`.
STATES = ("unknown", "good", "noisy", "lead off", "saturated", "flat", "settling", "fault")
REASONS = (
    "",
    "electrode",
    "the input is at its rail: too large an electrode offset, or a poor contact",
    "nothing above 25 uV: electrodes shorted or not on a body",
    "the converter repeats one value",
    "mains hum or muscle tension above 100 uV",
    "movement: more than 8 mV within half a second",
    "the front end was restarted",
    "an electrode was just put on",
    "the front end delivers nothing",
    "steps that no heart makes: more than 20 mV within 4 ms",
)


def electrodes_off(quality):
    """Names of the electrodes that are off."""
    return [name for i, name in enumerate(leads.ELECTRODES) if quality.off >> i & 1]


def text(quality, channel, code="AHA"):
    """The state of a channel of a `Quality`, counted from 0; `code`: "AHA" or "IEC"."""
    state = quality.state[channel]
    if state == _quality.LEAD_OFF:
        needed = leads.needed(quality.channels)[channel]
        off = [leads.name(name, code) for name in electrodes_off(quality) if name in needed]
        return "lead off: " + ", ".join(off)
    reason = REASONS[quality.reason[channel]]
    return "%s: %s" % (STATES[state], reason) if reason else STATES[state]
