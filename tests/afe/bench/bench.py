"""A board for one front end model: pins, SPI, time, and hard interrupts under heap_lock.

    board = Board("ADS1292R")
    afe = PoweredOff(board).power_up()
    board.afe.complaints          # of the model

Runs in MicroPython beside the firmware's files; `time` and `machine` of this folder come first.
"""

import micropython
from models.electrodes import Quiet  # noqa: F401 (for checks)
from models.kernel import Kernel

kernel = Kernel()
handlers = []  # interrupt handlers that are running now


def fresh():
    """Forgets the boards of earlier checks: their events too."""
    kernel._queue[:] = []
    handlers[:] = []


class Pins:
    """Named nets with levels and watchers."""

    def __init__(self):
        # RESET and PWDN have pull-ups, START a pull-down: levels before the firmware drives them.
        self._levels = {"DRDY": 1, "RESET": 1, "START": 0, "PWDN": 1, "CS": 1}
        self._watchers = {}

    def level(self, name):
        return self._levels[name]

    def watch(self, name, fn):
        self._watchers.setdefault(name, []).append(fn)

    def drive(self, name, level):
        if self._levels[name] != level:
            self._levels[name] = level
            if name in self._watchers:
                for fn in self._watchers[name]:
                    fn(level)


class Pin:
    def __init__(self, pins, name):
        self._pins = pins
        self._name = name

    def __call__(self, value=None):
        if value is None:
            return self._pins.level(self._name)
        self._pins.drive(self._name, value)

    value = __call__

    def irq(self, handler=None, trigger=4, hard=False):
        self._pins.board.interrupt = (handler, hard) if handler else None


class Spi:
    """Hands whole buffers to the model and charges the time their bits take."""

    def __init__(self, board, baudrate, phase):
        self.board = board
        self.baudrate = baudrate
        self.mode = phase
        self._ns = 0

    def init(self, baudrate):
        self.baudrate = baudrate

    def _run(self, tx, rx):
        board = self.board
        n = len(rx) if rx is not None else len(tx)
        locked = board.unlock()
        board.log.append((n, self.baudrate)) if board.log is not None else None
        board.afe.exchange(tx, rx, kernel.now, self.baudrate, self.mode)
        ns = n * 8000000000 // self.baudrate + self._ns
        self._ns = ns % 1000
        kernel.run_until(kernel.now + ns // 1000)
        board.lock(locked)

    def write(self, tx):
        self._run(tx, None)

    def readinto(self, rx, value=0):
        self._run(None, rx)

    def write_readinto(self, tx, rx):
        if len(tx) != len(rx):
            raise ValueError("buffers must be the same length")
        self._run(tx, rx)


class Board:
    """One board with one part; `hard` is whether the port has hard interrupts."""

    NAME = "bench"
    HARD_IRQ = True

    def __init__(self, part, patient=None, without=(), powered=True, wanted=None):
        from models.electrodes import Electrodes

        if part == "ADS1293":
            from models.ads1293 import Afe1293
        else:
            from models.ads1x9x import Afe

        self.PINS = {n: n for n in ("CS", "DRDY", "RESET", "START", "PWDN") if n not in without}
        if wanted:
            self.AFE = wanted
        self.interrupt = None
        self.masked = 0  # interrupts are held off while above zero (a flash erase)
        self.latched = False
        self.in_handler = False
        self.latency_us = 3
        self.irqs = 0
        self.log = None
        self._locks = 0
        self.pins = Pins()
        self.pins.board = self
        self.electrodes = Electrodes(part, patient)
        if part == "ADS1293":
            self.afe = Afe1293(kernel, self.electrodes, self.pins)
        else:
            self.afe = Afe(part, kernel, self.electrodes, self.pins, powered)
        self.pins.watch("DRDY", self._drdy)
        self.pins.watch("CS", self._cs)

    def pin(self, name, mode, value=None, pull=None):
        if value is not None:
            self.pins.drive(name, value)
        return Pin(self.pins, name)

    def spi(self, baudrate, phase=1):
        return Spi(self, baudrate, phase)

    def _cs(self, level):
        if level:
            self.afe.deselect(kernel.now)
        else:
            self.afe.select(kernel.now)

    def _drdy(self, level):
        if level or self.interrupt is None:
            return
        if self.masked or self.in_handler:
            self.latched = True
            return
        self._call()

    def _call(self):
        handler, hard = self.interrupt
        self.irqs += 1
        self.in_handler = True
        kernel.run_until(kernel.now + self.latency_us)
        handlers.append(handler)
        if hard:
            micropython.heap_lock()
            self._locks = 1
        try:
            handler(self)
        finally:
            handlers.pop()
            if hard:
                micropython.heap_unlock()
                self._locks = 0
            self.in_handler = False
        if self.latched and self.interrupt and not self.masked:
            self.latched = False
            self._call()

    def lock(self, again):
        if again:
            micropython.heap_lock()
            self._locks = 1

    def unlock(self):
        if self._locks:
            micropython.heap_unlock()
            self._locks = 0
            return True
        return False

    def mask(self, us):
        """Holds interrupts off for `us` of simulated time, as a flash erase does on rp2."""
        self.masked += 1
        kernel.run_until(kernel.now + us)
        self.masked -= 1
        if self.latched and self.interrupt:
            self.latched = False
            self._call()


class Steps:
    """A patient for exact values: lead n of conversion k is `fn(n, k)` volts."""

    def __init__(self, fn):
        self.fn = fn
        self.k = -1
        self.rates = []

    def begin(self, rate):
        self.rates.append(rate)

    def leads(self, t_us):
        self.k += 1
        k = self.k
        fn = self.fn
        return [fn(n, k) for n in range(8)]


def run_ms(ms):
    kernel.run_until(kernel.now + ms * 1000)


def vouch(sampler):
    """Has the registers verified now, due or not: what has come may then be taken."""
    if sampler.running:
        sampler.verify(kernel.now // 1000 & (1 << 30) - 1, True)


class raises:
    """`with raises(ValueError, "gain") as caught:`: the error must come, with these words."""

    def __init__(self, kind, *words):
        self.kind = kind
        self.words = words
        self.error = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert kind is not None, "no %s came" % self.kind.__name__
        if not issubclass(kind, self.kind):
            return False
        self.error = error
        for word in self.words:
            assert word in str(error), "%r is not in %r" % (word, str(error))
        return True


def clean(board):
    """No complaint from the model: our side kept every rule."""
    assert not board.afe.complaints, board.afe.complaints[:5]
