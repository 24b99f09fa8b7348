"""What the firmware gets as `micropython`: the real module, with `schedule` in simulated time.

The real `schedule` would call back between any two bytecodes of this process, models and
interrupt handlers included; a board never does it inside a handler.
"""

import sim
from micropython import (  # noqa: F401  # noqa: F401  # noqa: F401
    RingIO,
    const,
    mem_current,
    mem_info,
    mem_peak,
    mem_total,
    opt_level,
    qstr_info,
    stack_use,
)
from micropython import heap_lock as _lock
from micropython import heap_unlock as _unlock

schedule = sim.schedule


def heap_lock():
    sim.locked += 1
    _lock()


def heap_unlock():
    if sim.locked:
        sim.locked -= 1
        _unlock()
    return sim.locked


def heap_locked():
    return sim.locked


def kbd_intr(char):
    pass


def alloc_emergency_exception_buf(size):
    pass


def native(fn):
    return fn


def viper(fn):
    return fn
