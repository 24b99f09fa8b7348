"""Whether the signal can be believed: a state with a reason for each channel and each electrode.

    quality = Quality(afe)
    if quality.feed(sampler, n):                 # after every sampler.take()
        quality.state[0], quality.reason[0]      # GOOD, NOISY ... and why
        quality.off                              # electrodes that are off, by leads.ELECTRODES
    quality.travel(0)                            # uV that the baseline has gone so far

Times: an electrode is off after 100 ms and on again after 500 ms of a steady comparator; all else
is judged by half-second windows: saturated after one (by steps that no heart makes after two to
five, until three without), noisy after two, flat after ten (two of a stuck converter), good again
after two (noisy: four) clean ones. After a gap by restart, and after an electrode came back, one
second counts as settling. Nothing is allocated per block.

Travel: from one window to the next, the baseline goes by what lowest and highest value go both, in
the same direction: a QRS that is in one window and not in the next moves only one of them.
"""

from array import array

from micropython import const
from monitor import quality_core as scanning
from monitor import sampler_core as core
from monitor.afe import leads

# States, as in signal records; in words: `quality_words`.
UNKNOWN = const(0)
GOOD = const(1)
NOISY = const(2)
LEAD_OFF = const(3)
SATURATED = const(4)
FLAT = const(5)
SETTLING = const(6)
FAULT = const(7)

# Reasons: what tells the state. They go into records and keep their meaning.
NONE = const(0)
ELECTRODE = const(1)
RAIL = const(2)
NO_SIGNAL = const(3)
STUCK = const(4)
HIGH_FREQUENCY = const(5)
MOVEMENT = const(6)
AFTER_RESTART = const(7)
AFTER_ELECTRODE = const(8)
NOT_DELIVERING = const(9)
NO_HEART = const(10)

_OFF_MS = const(100)
_ON_MS = const(500)
_SETTLE_WINDOWS = const(2)
_FLAT_UV = const(25)  # smaller than any QRS; noise of a 24-bit part stays below it
_ROUGH_UV = const(100)  # second difference over 4 ms
_MOVE_UV = const(8000)
# The steepest QRS of the MIT-BIH records is 1.6 mV in 4 ms, and no heart brings 10 mV to the skin.
_JUMP_UV = const(20000)
_MOST_WAY_NV = const(20000000)
# Full scale in the place of `rails`: 99 % of the range.


class Quality:
    """`state` and `reason` by channel; `off` and `settled` for the electrodes."""

    def __init__(self, afe):
        part = afe.part
        self.channels = channels = afe.channels
        self.state = bytearray(channels)  # UNKNOWN
        self.reason = bytearray(channels)
        self.off = 0
        self._afe = afe
        self._rate = afe.rate
        step = max(1, afe.rate // 250)
        self._window = afe.rate // step // 2
        top = getattr(afe, "full_scale", (1 << (part.bits - 1)) - 1)
        self._scans = []
        self._flat = array("i", bytes(4 * channels))
        self._move = array("i", bytes(4 * channels))
        self._stuck = 2 if part.bits == 24 else 0  # codes; 16-bit parts may honestly stand still
        for c in range(channels):
            state = array("i", bytes(4 * scanning.SCAN))
            nv = afe.nv_per_code(c)
            state[scanning.RAIL_AT] = top - top // 100
            state[scanning.ROUGH_AT] = min(top, int(_ROUGH_UV * 1000 / nv))
            state[scanning.STEP] = step
            state[scanning.JUMP] = min(top, int(_JUMP_UV * 1000 / nv))
            self._scans.append(state)
            self._flat[c] = max(int(_FLAT_UV * 1000 / nv), 3)
            self._move[c] = int(_MOVE_UV * 1000 / nv)
        # Windows in a row that were flat, stuck, noisy, at the rail, clean; left to settle; steps
        # that no heart makes, two a window less one for each without.
        self._runs = [bytearray(7) for _ in range(channels)]
        self._levels = array("i", bytes(8 * channels))  # lowest, highest of the window before
        self._travels = array("i", bytes(4 * channels))
        self._nv = array("i", [max(1, int(afe.nv_per_code(c))) for c in range(channels)])
        for runs in self._runs:
            runs[5] = _SETTLE_WINDOWS
        wired = leads.wiring(channels)
        sensed = afe.sensed_inputs()
        self._electrodes = []  # (bit in `off`, input bits)
        for i, name in enumerate(leads.ELECTRODES):
            bits = wired.get(name, 0) & sensed
            if bits:
                self._electrodes.append((1 << i, bits))
        self._sensed = sensed
        self._inputs_off = 0
        self._changing = array("i", bytes(4 * 17))  # samples for which an input differs
        names = leads.needed(channels)
        self._needs = [
            sum(1 << leads.ELECTRODES.index(name) for name in names[c]) for c in range(channels)
        ]

    def feed(self, sampler, n):
        """Takes the sampler's block into account; true when a state or an electrode changed."""
        changed = False
        if sampler.gap and sampler.gap_reason >= core.RESTARTED:  # (paused and tested, too)
            for runs in self._runs:
                runs[5] = _SETTLE_WINDOWS
            changed = self._all(SETTLING, AFTER_RESTART)
        if self._sensed:
            every = self._afe.input_flags(scanning.flags(sampler.status, n, 1)) & self._sensed
            some = self._afe.input_flags(scanning.flags(sampler.status, n, 0)) & self._sensed
            now = self._inputs_off
            if every != now or some != now:
                if self._debounce(every, some, n):
                    changed = True
            elif self._pending:
                self._pending = False
                for i in range(17):
                    self._changing[i] = 0
        for c in range(self.channels):
            state = self._scans[c]
            scanning.scan(sampler.channels[c], state, n)
            if state[scanning.COUNT] >= self._window and self._judge(c, state):
                changed = True
        return changed

    _pending = False

    def not_delivering(self):
        """The front end is down: true when that is news."""
        return self._all(FAULT, NOT_DELIVERING)

    def travel(self, channel):
        """How far the channel's baseline has gone since the start, uV modulo 2^28."""
        return self._travels[channel]

    def _debounce(self, every, some, n):
        """Inputs change only after they have differed for long enough. True: an electrode did."""
        self._pending = True
        now = self._inputs_off
        changing = self._changing
        for i in range(17):
            bit = 1 << i
            if now & bit:
                differs = not some & bit
                limit = _ON_MS
            else:
                differs = every & bit
                limit = _OFF_MS
            if not differs:
                changing[i] = 0
                continue
            changing[i] += n
            if changing[i] * 1000 >= limit * self._rate:
                now ^= bit
                changing[i] = 0
        if now == self._inputs_off:
            return False
        self._inputs_off = now
        off = 0
        for bit, inputs in self._electrodes:
            if inputs & now == inputs:
                off |= bit
        if off == self.off:
            return False
        back = self.off & ~off
        self.off = off
        for c in range(self.channels):
            if off & self._needs[c]:
                self.state[c] = LEAD_OFF
                self.reason[c] = ELECTRODE
            elif back & self._needs[c]:
                self._runs[c][5] = _SETTLE_WINDOWS
                self.state[c] = SETTLING
                self.reason[c] = AFTER_ELECTRODE
        return True

    def _judge(self, c, scan_state):
        """The end of a half-second window of channel c."""
        count = scan_state[scanning.COUNT]
        rails = scan_state[scanning.RAILS]
        rough = scan_state[scanning.ROUGH]
        swing = scan_state[scanning.MAX] - scan_state[scanning.MIN]
        self._move_on(c, scan_state[scanning.MIN], scan_state[scanning.MAX])
        scan_state[scanning.COUNT] = 0
        scan_state[scanning.RAILS] = 0
        scan_state[scanning.ROUGH] = 0
        runs = self._runs[c]
        # One step may be an electrode that moved; steps again and again are no patient.
        runs[6] = min(runs[6] + 2, 6) if scan_state[scanning.STEPS] > 0 else max(runs[6] - 1, 0)
        scan_state[scanning.STEPS] = scan_state[scanning.CLOSE] = 0
        railed = rails * 8 > count
        moved = swing > self._move[c]
        noisy = rough * 4 > count or moved
        quiet = rough * 8 <= count and not moved
        runs[0] = min(runs[0] + 1, 200) if swing < self._flat[c] else 0
        runs[1] = min(runs[1] + 1, 200) if self._stuck and swing < self._stuck else 0
        runs[2] = min(runs[2] + 1, 200) if noisy else 0
        runs[3] = min(runs[3] + 1, 200) if railed else 0
        runs[4] = min(runs[4] + 1, 200) if quiet and not railed and not runs[0] else 0
        if runs[5]:
            runs[5] -= 1
        state = self.state[c]
        reason = self.reason[c]
        if self.off & self._needs[c]:
            state, reason = LEAD_OFF, ELECTRODE
        elif runs[3]:
            state, reason = SATURATED, RAIL
        elif runs[6] >= 4 or (runs[6] and reason == NO_HEART):
            state, reason = SATURATED, NO_HEART
        elif runs[1] >= 2:
            state, reason = FLAT, STUCK
        elif runs[0] >= 10:
            state, reason = FLAT, NO_SIGNAL
        elif runs[5]:
            if state not in (SETTLING, UNKNOWN):
                state, reason = SETTLING, AFTER_RESTART
        elif runs[2] >= 2:
            state, reason = NOISY, MOVEMENT if moved else HIGH_FREQUENCY
        elif state in (SETTLING, UNKNOWN, LEAD_OFF, FAULT):
            state, reason = GOOD, NONE
        elif state != GOOD:
            # Out of a bad state only after clean windows; a flat trace ends with the first swing.
            if runs[4] >= (4 if state == NOISY else 2) or (state == FLAT and not runs[0]):
                state, reason = GOOD, NONE
        if state == self.state[c] and reason == self.reason[c]:
            return False
        self.state[c] = state
        self.reason[c] = reason
        return True

    def _move_on(self, c, low, high):
        levels = self._levels
        down = low - levels[2 * c]
        up = high - levels[2 * c + 1]
        levels[2 * c] = low
        levels[2 * c + 1] = high
        if (down ^ up) >= 0:  # the same direction
            nv = self._nv[c]
            way = min(abs(down), abs(up), _MOST_WAY_NV // nv)  # the product stays a small int
            self._travels[c] = (self._travels[c] + way * nv // 1000) & 0xFFFFFFF

    def _all(self, state, reason):
        changed = False
        for c in range(self.channels):
            if self.state[c] == LEAD_OFF and state != FAULT:
                continue
            if self.state[c] != state:
                self.state[c] = state
                self.reason[c] = reason
                changed = True
        return changed
