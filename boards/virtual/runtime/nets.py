"""The wires between the microcontroller and everything else on the board.

A net is a pin's number. The microcontroller drives it (machine.Pin as an output), a model drives
it, a pull resistor holds it, or nothing does. Two that drive it against each other is a
complaint: on a board that is a short circuit.
"""

FLOATING = 0  # an input that nothing drives reads low here; on a board it reads anything

complaints = []
_told = set()


def complain(text):
    """Report a fault of the wiring or its use, once."""
    if text not in _told:
        _told.add(text)
        complaints.append(text)


class Net:
    """One wire. `level` is what a reader sees; watchers are called as `fn(level)` on a change."""

    def __init__(self, number):
        self.number = number
        self.level = FLOATING
        self.mcu = None  # 0 or 1 while machine.Pin drives it
        self.model = None
        self.pull = None
        self.held = None  # a pull resistor on the board, weaker than whatever drives
        self.millivolts = 0  # what an ADC on this pin sees
        self.watchers = []

    def _settle(self):
        if self.mcu is not None:
            if self.model is not None and self.model != self.mcu:
                complain("pin %d is driven by the microcontroller and by a part" % self.number)
            level = self.mcu
        elif self.model is not None:
            level = self.model
        elif self.held is not None:
            level = self.held
        elif self.pull is not None:
            level = self.pull
        else:
            level = FLOATING
        if level != self.level:
            self.level = level
            for fn in self.watchers:
                fn(level)

    def drive_mcu(self, level):
        """The microcontroller drives the net; None lets go of it."""
        if level != self.mcu:
            self.mcu = level
            self._settle()

    def drive(self, level):
        """A part on the board drives the net; None lets go of it."""
        if level != self.model:
            self.model = level
            self._settle()

    def set_pull(self, level):
        """The microcontroller's own pull resistor: 1 up, 0 down, None off."""
        self.pull = level
        self._settle()

    def hold(self, level):
        """A pull resistor on the board."""
        self.held = level
        self._settle()


_nets = {}


def net(number):
    """The net of a pin number."""
    if number not in _nets:
        _nets[number] = Net(number)
    return _nets[number]


class Names:
    """The same by the names of the board's pin table, as models know them."""

    def __init__(self, table):
        self._nets = {name: net(number) for name, number in table.items()}

    def drive(self, name, level):
        self._nets[name].drive(level)

    def watch(self, name, fn):
        """Calls `fn(level)` at each change; never for a pin that the board ties to a level."""
        if name in self._nets:
            self._nets[name].watchers.append(fn)

    def level(self, name):
        return self._nets[name].level

    def hold(self, name, level):
        self._nets[name].hold(level)

    def has(self, name):
        return name in self._nets
