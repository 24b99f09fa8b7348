"""How simulated time keeps pace with this computer's, and shows itself to others.

    pace.set_speed(20)            # N times real time; 0: as fast as it can
    pace.keep(t_us)               # before time runs to t_us: messages, and waiting

`sim` moves the time; nothing here does. Whoever looks at the clock file sees it move in steps.
"""

import struct

from real_time import ticks_us as _wall_us

from models.kernel import Kernel

kernel = Kernel()
# How often simulated time looks for messages, and shows itself, when nothing else makes it.
# (Connection events do both, whatever the pace.)
_POLL_US = 20000
_CLOCK_US = 4000  # up to ten times real time
_FAST_CLOCK_US = 20000
_AHEAD_US = 1500
_BEHIND_US = 500000


class Cable:
    """Stands in until the boot program sets the real one."""

    def poll(self, ms=0):
        return False


cable = Cable()
on_poll = None  # set by the boot program: called now and then


# -- the clock that others may look at ---

_clock_file = None
_clock_buf = bytearray(8)
_clock_next = 0
epoch = 0.0  # UNIX time of simulated time 0


def show_clock(file, unix_at_zero):
    """Keep the simulated UNIX time in `file`, 8 bytes, little-endian double."""
    global _clock_file, epoch
    _clock_file = file
    epoch = unix_at_zero
    write_clock()


def write_clock():
    """Bring the clock file up to date."""
    global _clock_next
    if _clock_file is not None:
        struct.pack_into("<d", _clock_buf, 0, epoch + kernel.now / 1000000)
        _clock_file.seek(0)
        _clock_file.write(_clock_buf)
    _clock_next = kernel.now + (_CLOCK_US if 0 < speed <= 10 else _FAST_CLOCK_US)
    _attend_soon()


# -- pace ---

speed = 0.0
_wall0 = 0
_sim0 = 0
_poll_next = 0
paused = False
attend = 0  # when `keep` has to be called next; 0: always


def _attend_soon():
    global attend
    attend = 0 if speed or paused else min(_poll_next, _clock_next)


def set_speed(times):
    """N times real time; 0 runs as fast as it can."""
    global speed
    speed = times
    _attend_soon()
    rebase()


def set_paused(still):
    """Let simulated time stand still (messages are still handled)."""
    global paused
    paused = still
    write_clock()
    rebase()


def stand_still():
    """Handle messages until one of them lets time go on."""
    write_clock()
    while paused:
        cable.poll(1000)


def rebase():
    """Forget how far ahead or behind the pace is: after a wait in which time stood still."""
    global _wall0, _sim0
    _wall0 = _wall_us()
    _sim0 = kernel.now


def keep(t_us):
    """Before time runs to `t_us`: handle messages, and wait if that would be ahead of the pace."""
    global _poll_next
    if speed:
        while True:
            ahead = (t_us - _sim0) / speed - (_wall_us() - _wall0)
            if ahead < _AHEAD_US:
                break
            if cable.poll(int(ahead) // 1000) or paused or not speed:
                break
        if ahead < -_BEHIND_US:
            rebase()
    if kernel.now >= _poll_next:
        cable.poll()
        on_poll()
        _poll_next = kernel.now + _POLL_US
        _attend_soon()
    if paused:
        stand_still()
    if kernel.now >= _clock_next:
        write_clock()
