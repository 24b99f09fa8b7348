"""MicroPython's `time` in simulated time.

`ticks_ms` and `ticks_us` wrap at 2^30 as on boards (the unix port's own wrap at 2^62). The time of
day starts at 2021-01-01 00:00:00, as an rp2's does, until `machine.RTC` is set.
"""

import real_time as _real
import sim as _sim

_PERIOD = 1 << 30
_MASK = _PERIOD - 1
_HALF = _PERIOD >> 1

# Set by the boot program: the ticks at simulated time 0, in microseconds, so that a test need not
# wait 12.4 days for the wrap; and when this microcontroller started.
offset_us = 0
# Unix time at simulated time 0 as the board's own clock knows it.
day_us = 1609459200000000


def ticks_ms():
    _sim.look()
    return (_sim.kernel.now + offset_us) // 1000 & _MASK


def ticks_us():
    _sim.look()
    return _sim.kernel.now + offset_us & _MASK


def ticks_cpu():
    _sim.look()
    return _sim.kernel.now + offset_us & _MASK


def ticks_add(ticks, delta):
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return ticks + delta & _MASK


def ticks_diff(end, start):
    return (end - start + _HALF & _MASK) - _HALF


def sleep_us(us):
    if us > 0:
        _sim.advance(int(us))


def sleep_ms(ms):
    if ms > 0:
        _sim.sleep(int(ms) * 1000)
    else:
        _sim.look()


def sleep(seconds):
    if seconds > 0:
        _sim.sleep(int(seconds * 1000000))


def time():
    _sim.look()
    return (day_us + _sim.kernel.now) // 1000000


def time_ns():
    _sim.look()
    return (day_us + _sim.kernel.now) * 1000


def gmtime(seconds=None):
    return _real.gmtime(time() if seconds is None else seconds)


localtime = gmtime  # boards know no zones


def mktime(t):
    # A board's epoch is UTC; the unix port's own mktime would apply this computer's zone.
    y, m, d, hour, minute, second = t[:6]
    y -= m <= 2
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (m + (-3 if m > 2 else 9)) + 2) // 5 + d - 1
    days = era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
