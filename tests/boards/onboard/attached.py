"""The start of a board out of an image file, as the loader makes it.

sys.modules["machine"] = attached.Machine()
attached.attach(loader, folder)        # from then on modules come out of slot a in that folder
"""

import sys


class Machine:
    """What modules take of `machine` while they are imported."""

    Pin = SPI = ADC = WDT = PWM = object


def attach(loader, folder):
    """Runs the board's loader (a file) for slot a; nothing else is imported from afterwards."""
    with open(loader) as f:
        source = f.read().replace('ROOT = "/"', 'ROOT = "%s"' % folder)
    space = {"__name__": "loader"}
    exec(source, space)
    del source
    sys.path[:] = []
    space["attach"]("a")
