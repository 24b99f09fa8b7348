"""Simulated time: a clock that moves only from event to event.

    kernel = Kernel()
    kernel.after(4000, sample_is_ready)   # in 4 ms of simulated time
    kernel.run_until(kernel.now + 10000)  # calls it, then stands at 10 ms

Everything on the virtual board that takes time (a conversion, an SPI byte, a flash erase, a
connection event) is an event here, in whole microseconds since the board got its first power.
Events at the same time run in the order in which they were asked for. An event may let time run
on itself (an interrupt handler that talks over SPI does): `run_until` may be entered again from
an event, and `now` never goes back.

The same file runs in MicroPython (runtime/sim.py is built on it) and in CPython (tests).
"""


class Event:
    """One thing to happen: `fn()` at time `t` (us); `armed` until it ran or was cancelled."""

    def __init__(self, t, fn):
        self.t = t
        self.fn = fn
        self.armed = False


class Kernel:
    """The event queue. `now` is the simulated time in microseconds."""

    def __init__(self, now=0):
        self.now = now
        # Latest first, so that the next event is popped from the end. A board has a dozen events
        # pending at most: a sorted list beats a heap of tuples, and re-arming allocates nothing.
        self._queue = []

    def at(self, t_us, fn):
        """Call `fn()` at `t_us` (now, if that is past); returns the event."""
        event = Event(t_us, fn)
        self.rearm(event, t_us)
        return event

    def after(self, us, fn):
        """Call `fn()` in `us` microseconds; returns the event."""
        return self.at(self.now + us, fn)

    def rearm(self, event, t_us):
        """Put `event` at `t_us` again: a periodic event re-arms itself and makes no garbage."""
        if event.armed:
            self._queue.remove(event)
        if t_us < self.now:
            t_us = self.now
        event.t = t_us
        event.armed = True
        queue = self._queue
        i = len(queue)
        while i and queue[i - 1].t <= t_us:
            i -= 1
        queue.insert(i, event)

    def cancel(self, event):
        """Forget `event`; one that already ran, or None, is no error."""
        if event is not None and event.armed:
            event.armed = False
            self._queue.remove(event)

    def next_time(self):
        """The time of the next event in microseconds, or None when nothing is to come."""
        return self._queue[-1].t if self._queue else None

    def run_until(self, t_us):
        """Let time run to `t_us`, calling every event on the way."""
        queue = self._queue
        while queue and queue[-1].t <= t_us:
            event = queue.pop()
            event.armed = False
            if event.t > self.now:
                self.now = event.t
            event.fn()
        if t_us > self.now:
            self.now = t_us

    def advance(self, us):
        """Let `us` microseconds pass."""
        self.run_until(self.now + us)
