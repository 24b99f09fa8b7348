"""MicroPython's `machine` on simulated hardware, as far as the firmware uses it.

Semantics are those of the rp2 port unless said otherwise. Pins are nets (nets.py); buses reach the
models that the boot program attached; everything that takes time takes simulated time.
"""

import time as _time

import nets as _nets
import sim as _sim
from hardware import ADC, PWM, RTC, SPI, WDT, Timer  # noqa: F401
from real_machine import PinBase as _PinBase

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

# machine.idle() sleeps until an interrupt; something on a real board interrupts every few ms.
IDLE_US = 4000

_cause = PWRON_RESET
_unique = b"\0" * 8
_reset = None  # set by the boot program: fn(cause name)
_freq = 125000000


class _PinIrq:
    """What `Pin.irq` returns."""

    def __init__(self, pin):
        self._pin = pin

    def flags(self):
        return self._pin._flags

    def trigger(self, *trigger):
        old = self._pin._trigger
        if trigger:
            self._pin._trigger = trigger[0]
        return old

    def __call__(self):
        interrupt = self._pin._interrupt
        interrupt.handler(self._pin)


class Pin(_PinBase):
    """One pin; `Pin(3) is Pin(3)`, as on rp2."""

    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    ALT = 3
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 8
    IRQ_FALLING = 4

    _all = {}

    def __new__(cls, id, *args, **kw):
        if isinstance(id, Pin):
            return id
        pin = Pin._all.get(id)
        if pin is None:
            if not isinstance(id, int) or not 0 <= id < 48:
                raise ValueError("invalid pin %r" % (id,))
            pin = object.__new__(cls)
            Pin._all[id] = pin
            pin._setup(id)
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None, alt=None):
        self.init(mode, pull, value=value, alt=alt)

    def _setup(self, id):
        self._id = id
        self._net = _nets.net(id)
        self._mode = Pin.IN
        self._value = 0
        self._interrupt = None
        self._trigger = 0
        self._flags = 0

    def init(self, mode=-1, pull=-1, *, value=None, alt=None):
        if value is not None:
            self._value = 1 if value else 0
        if mode != -1:
            self._mode = mode
        if pull != -1:
            self._net.set_pull(None if pull is None else 1 if pull == Pin.PULL_UP else 0)
        self._apply()

    def _apply(self):
        if self._mode == Pin.OUT:
            self._net.drive_mcu(self._value)
        elif self._mode == Pin.OPEN_DRAIN and not self._value:
            self._net.drive_mcu(0)
        else:
            self._net.drive_mcu(None)

    def value(self, value=None):
        # Interrupt handlers call this: no *args here, a tuple would be an allocation.
        if value is None:
            return self._net.level
        self._value = 1 if value else 0
        n = _sim.enter() if _sim.locked else 0
        self._apply()
        if n:
            _sim.leave(n)
        return None

    __call__ = value

    def on(self):
        self._value = 1
        n = _sim.enter() if _sim.locked else 0
        self._apply()
        if n:
            _sim.leave(n)

    def off(self):
        self._value = 0
        n = _sim.enter() if _sim.locked else 0
        self._apply()
        if n:
            _sim.leave(n)

    high = on
    low = off

    def toggle(self):
        if self._value:
            self.off()
        else:
            self.on()

    def mode(self, *mode):
        if not mode:
            return self._mode
        self.init(mode[0])
        return None

    def _edge(self, level):
        edge = Pin.IRQ_RISING if level else Pin.IRQ_FALLING
        if self._trigger & edge:
            self._flags = edge
            self._interrupt.fire()

    def irq(
        self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, *, priority=1, wake=None, hard=False
    ):
        if self._interrupt is None:
            self._interrupt = _sim.Interrupt(self, "pin %d" % self._id)
            self._net.watchers.append(self._edge)
        self._interrupt.handler = handler
        self._interrupt.hard = hard
        self._interrupt.pending = False  # rp2 acknowledges old edges when the handler is set
        self._trigger = trigger
        return _PinIrq(self)

    def __repr__(self):
        return "Pin(GPIO%d, mode=%s)" % (self._id, ("IN", "OUT", "OPEN_DRAIN", "ALT")[self._mode])


def disable_irq():
    return _sim.disable()


def enable_irq(state):
    _sim.enable(state)


def idle():
    _sim.idle(IDLE_US)


def lightsleep(time_ms=None):
    """Sleeps until an interrupt or `time_ms` pass."""
    if time_ms is None:
        while not _sim.woke:
            _sim.idle(1000000)
    else:
        _sim.idle(time_ms * 1000)


def deepsleep(time_ms=None):
    """Switches the microcontroller off for `time_ms`; it comes back through a reset."""
    if time_ms is None:
        raise ValueError("the virtual board has no wake-up source: deepsleep needs a time")
    _sim.stall(time_ms * 1000)
    _reset("deepsleep")


def reset():
    _reset("hard")


def soft_reset():
    _reset("soft")


def reset_cause():
    return _cause


def unique_id():
    return _unique


def freq(*hz):
    global _freq
    if hz:
        _freq = hz[0]
        return None
    return _freq


def bootloader(timeout_ms=None):
    _reset("bootloader")


def time_pulse_us(pin, pulse_level, timeout_us=1000000):
    start = _time.ticks_us()
    while pin.value() != pulse_level:
        if _time.ticks_diff(_time.ticks_us(), start) > timeout_us:
            return -2
    start = _time.ticks_us()
    while pin.value() == pulse_level:
        if _time.ticks_diff(_time.ticks_us(), start) > timeout_us:
            return -1
    return _time.ticks_diff(_time.ticks_us(), start)
