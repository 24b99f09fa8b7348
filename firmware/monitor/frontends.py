"""Which driver a board's front end has: the ADS1x9x family's, or the ADS1293's own.

    afe = power_up(board)
    configure(afe, 250, 6)
    calibrate(afe, "/")          # "", or why the calibration that is kept is not used

The family's parts are told apart by their ID, and from an ADS1293, which answers in another SPI
mode to other commands, by a question that only it understands (`afe/probe.py`). A board whose
`board.py` names its part (`AFE = "ADS1293"`) is asked for that one only.
"""

import os

from . import settings as _settings


def power_up(board):
    """-> the front end with power, found by its ID. AfeError as the drivers raise it."""
    return _off(board).power_up()


def power_down(board):
    """Holds the front end in power-down, whatever it was doing."""
    _off(board).hold()


def _off(board):
    if getattr(board, "AFE", None) == "ADS1293":
        from monitor.afe.ads1293 import PoweredOff1293 as PoweredOff
    else:
        from monitor.afe.driver import PoweredOff
    return PoweredOff(board)


def configure(afe, rate, gain, by_ac=0):
    """As the monitor uses it: `rate` in samples/s, right-leg drive and lead-off on.

    `by_ac`: lead-off by alternating current, which dry electrodes need. ValueError when the part
    has no such rate or gain (an ADS1293 has one gain, and direct current)."""
    if afe.part.family == "1293":
        afe.configure(rate=rate)
    else:
        afe.configure(rate=rate, gain=gain, lead_off="ac" if by_ac else "dc")


def offers(sampler, key, value):
    """Whether a sampler's front end has what a setting asks for; True while there is none. (An
    ADS1293 has one gain, whatever is set.)"""
    if sampler is None or sampler.afe.part.family == "1293":
        return True
    part = sampler.afe.part
    if key == _settings.RATE:
        return value in part.rates or value in part.low_power_rates
    return key != _settings.GAIN or value in part.gains


def calibrate(afe, root):
    """Takes the calibration kept on the board, if there is one; "", or why it is not used."""
    afe.calibration = None
    try:
        os.stat(root + "calibration.json")
    except OSError:
        return ""
    from monitor.calibration import load_for

    return load_for(afe, root)
