"""The board's clock and its interrupts: every shim is built on this (its pace: `pace`).

Simulated time moves only here: while the firmware idles or sleeps, while a bus or the flash works,
and a little with every look at a clock. Between two such points the firmware runs in no time at
all and can't be interrupted, which is kinder than a board.

    sim.advance(12)        # 12 us pass; interrupts that fall due are served
    sim.stall(45000)       # 45 ms pass with interrupts blocked, as while rp2 erases flash
    sim.idle(4000)         # until an interrupt, 4 ms at most
"""

import sys

import micropython
import pace
from real_time import ticks_us as _wall_us

kernel = pace.kernel
at = kernel.at
after = kernel.after
cancel = kernel.cancel

# A look at the clock costs a few microseconds on a board; charging it lets a loop that waits for
# a time to come ever end.
LOOK_US = 2
# What a pass through a super-loop costs before it idles again.
STEP_US = 100
# MicroPython's scheduler queue on rp2 and esp32.
SCHEDULE_DEPTH = 8

masked = 0  # depth: >0 while interrupts are disabled, blocked by a stall, or one is being served
locked = 0  # depth of micropython.heap_lock() that the firmware holds
woke = False
lost_soft = 0  # soft interrupts dropped because the scheduler's queue was full
missed_edges = 0  # edges that came while the same interrupt was still pending
_sources = []
_fns = [None] * SCHEDULE_DEPTH
_args = [None] * SCHEDULE_DEPTH
_first = 0
_count = 0
_soft_running = False
_deferred = []
interrupted = False  # whether a Ctrl-C came over the console: see `heed`


def now():
    """Microseconds since the board first got power."""
    return kernel.now


# -- time ---

_cpu = 0.0
_left_idle = 0


def set_cpu(times):
    """Charge the firmware's own computing: `times` what it takes on this computer; 0: nothing."""
    global _cpu, _left_idle
    _cpu = times
    _left_idle = _wall_us()


def enter():
    """Models run with the heap unlocked, whatever the firmware holds; see `leave`."""
    global locked
    n = locked
    locked = 0
    for _ in range(n):
        micropython.heap_unlock()
    return n


def leave(n):
    """Lock the heap again as it was before `enter`."""
    global locked
    for _ in range(n):
        micropython.heap_lock()
    locked = n


def unlock():
    """Unlock the heap, however often it is locked."""
    global locked
    locked = 0
    micropython.heap_lock()  # so that there is something to unlock: below 0 would be locked, too
    while micropython.heap_unlock():
        pass


def advance(us):
    """`us` microseconds pass, in the firmware's context; hard interrupts are served on the way."""
    n = enter() if locked else 0
    if pace.speed or pace.paused:
        pace.keep(kernel.now + us)
    kernel.run_until(kernel.now + us)
    if n:
        leave(n)


def spend(us):
    """As `advance`, for a few microseconds with the heap unlocked: the pace is not looked at."""
    t = kernel.now + us
    queue = kernel._queue
    if queue and queue[-1].t <= t:
        kernel.run_until(t)
    else:
        kernel.now = t


def look():
    """Charge a look at a clock; soft interrupts may come in here, as between any two bytecodes."""
    t = kernel.now + LOOK_US
    queue = kernel._queue
    if queue and queue[-1].t <= t:
        advance(LOOK_US)
    else:
        kernel.now = t
    if (_count or _deferred) and not masked:
        run_soft()


def stall(us):
    """`us` microseconds pass with interrupts blocked."""
    global masked
    masked += 1
    try:
        advance(us)
    finally:
        masked -= 1
        if not masked:
            _serve()


def stall_soft(us):
    """`us` microseconds pass in a long call of C code: hard interrupts only."""
    advance(us)


def idle(limit_us):
    """Sleep until an interrupt was served, `limit_us` at most."""
    global woke, _left_idle
    if _cpu:
        advance(int((_wall_us() - _left_idle) * _cpu))
    else:
        spend(STEP_US)
    if _count or _deferred:
        run_soft()
    end = kernel.now + limit_us
    queue = kernel._queue
    while not woke:
        t = queue[-1].t if queue else end
        if t > end:
            t = end
        if t >= pace.attend:
            pace.keep(t)  # which may have changed what comes next
            t = queue[-1].t if queue and queue[-1].t < end else end
        kernel.run_until(t)
        if t == end:
            break
    woke = False
    if _count or _deferred:
        run_soft()
    if interrupted:
        heed()
    if _cpu:
        _left_idle = _wall_us()


def sleep(us):
    """`us` microseconds pass; soft interrupts run on the way, as in sleep_ms()."""
    end = kernel.now + us
    while kernel.now < end:
        queue = kernel._queue
        t = queue[-1].t if queue and queue[-1].t < end else end
        n = enter()
        pace.keep(t)
        kernel.run_until(t)
        leave(n)
        run_soft()
        if interrupted:
            heed()


# -- interrupts ---


def heed():
    """Raise the KeyboardInterrupt that was asked for, unless it has been taken back.

    Only where no model is at work: on a board a Ctrl-C hits the firmware, never the world around
    it, and a model that is left in the middle of something is not the same afterwards.
    """
    global interrupted
    pace.cable.poll()
    if interrupted:
        interrupted = False
        raise KeyboardInterrupt


class Interrupt:
    """A source of interrupts: `handler(owner)` is called, in interrupt context if `hard`."""

    def __init__(self, owner, what):
        self.owner = owner
        self.what = what
        self.handler = None
        self.hard = False
        self.pending = False
        self.count = 0
        _sources.append(self)

    def fire(self):
        """The hardware asks for the interrupt."""
        global woke, missed_edges, lost_soft
        if self.handler is None:
            return
        woke = True
        if not self.hard:
            try:
                schedule(self.handler, self.owner)
            except RuntimeError:
                lost_soft += 1  # as mp_irq_handler: nobody is told
            return
        if self.pending:
            missed_edges += 1
        self.pending = True
        if not masked:
            _serve()

    def call(self):
        global locked
        self.count += 1
        failed = None
        before = locked
        micropython.heap_lock()
        locked += 1
        try:
            self.handler(self.owner)
        except BaseException as e:
            failed = e
        # It may have locked without unlocking; and a Ctrl-C, which here comes at any moment, may
        # have left the models with the heap unlocked.
        while locked > before:
            locked -= 1
            micropython.heap_unlock()
        while locked < before:
            micropython.heap_lock()
            locked += 1
        if isinstance(failed, KeyboardInterrupt):
            raise failed  # a board raises it in the main program
        if failed is not None:
            self.handler = None
            print("Uncaught exception in IRQ callback handler")
            sys.print_exception(failed)


def _serve():
    global masked
    masked += 1
    try:
        again = True
        while again:
            again = False
            for source in _sources:
                if source.pending:
                    source.pending = False
                    if source.handler is not None:
                        source.call()
                    again = True
    finally:
        masked -= 1


def disable():
    """machine.disable_irq(): returns the state for `enable`."""
    global masked
    state = masked
    masked += 1
    return state


def enable(state):
    global masked
    masked = state
    if not masked:
        n = enter()
        _serve()
        leave(n)


def schedule(fn, arg):
    """micropython.schedule(): `fn(arg)` soon, between the main program's bytecodes."""
    global _count, woke
    if _count == SCHEDULE_DEPTH:
        raise RuntimeError("schedule queue full")
    i = (_first + _count) % SCHEDULE_DEPTH
    _fns[i] = fn
    _args[i] = arg
    _count += 1
    woke = True


def defer(fn):
    """For the Bluetooth stack: `fn()` in the context of soft interrupts; never refused."""
    global woke
    _deferred.append(fn)
    woke = True


def run_soft():
    """Run what was scheduled, unless a soft interrupt is running or interrupts are masked."""
    global _first, _count, _soft_running
    if _soft_running or masked or not (_count or _deferred):
        return
    _soft_running = True
    try:
        while _count or _deferred:
            if _deferred:
                _deferred.pop(0)()
                continue
            fn = _fns[_first]
            arg = _args[_first]
            _fns[_first] = _args[_first] = None
            _first = (_first + 1) % SCHEDULE_DEPTH
            _count -= 1
            try:
                fn(arg)
            except Exception as e:  # the scheduler prints and goes on
                sys.print_exception(e)
    finally:
        _soft_running = False
