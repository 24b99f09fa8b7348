"""Lead-off by alternating current: what an excitation at a quarter of the rate leaves behind.

    sampler = AcLeads(afe, sampler)      # then as the sampler; `for_board` does it where it is due

The part sends its lead-off current as a square wave of rate/4 through the electrodes and leaves
the rest to whoever reads its samples (SBAS502, SBAS459: its comparators only see direct currents).
A contact of R ohms shows I x R of amplitude there. Synchronous demodulation takes four samples at
a time, (x0 - x2) and (x1 - x3), and sums both over 100 ms: for a square wave of amplitude a in
whatever phase |sum 1| + |sum 2| is a x samples, which costs one addition a sample and channel. Off
above 2 megohms, on again below 1 (half of that for RA of several channels: each sends its current
through it); direct current, the ECG and 5 mV of hum don't show.

The tone is then taken out: its two values (the other two are their negatives) are the mean of
(x[n] - x[n-2]) / 2 over the last 32 samples or so, and each sample loses its own. That
is a notch of a few hertz around rate/4, without delay.

A channel has two electrodes and can't tell which of them is off; two channels that share one can.
The status words hold input bits (see `afe.leads`), as `FrontEnd.input_flags` knows.
"""

from array import array

import micropython
from micropython import const
from monitor.afe import leads

_OFF_OHMS, _ON_OHMS = const(2_000_000), const(1_000_000)
# Words of a channel's state.
_PHASE, _COUNT, _IN_PHASE, _QUADRATURE, _BEFORE, _LAST, _KNOWN, _TONE = 0, 1, 2, 3, 4, 5, 6, 7
_STATE = const(9)


@micropython.viper
def demodulate(block, state, n: int):
    """n codes into the sums, and without the tone back into `block`."""
    b = ptr32(block)
    s = ptr32(state)
    phase = int(s[0])
    # x64 loads ptr32 without sign. A sum is below 25 x 2^24: 100 ms are 100 samples at the most.
    one = ((int(s[2]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    two = ((int(s[3]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    p2 = ((int(s[4]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    p1 = ((int(s[5]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    i = 0
    while i < n:
        v = ((int(b[i]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
        if int(s[6]) == 0:
            s[6] = 1
            p1 = v
            p2 = v
        d = (v - p2) >> 1
        at = 7 + (phase & 1)
        tone = ((int(s[at]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
        if phase < 2:
            tone += d - (tone >> 4)
            b[i] = v - (tone >> 4)
            if phase == 0:
                one += v
            else:
                two += v
        else:
            tone -= d + (tone >> 4)
            b[i] = v + (tone >> 4)
            if phase == 2:
                one -= v
            else:
                two -= v
        s[at] = tone
        phase = (phase + 1) & 3
        p2 = p1
        p1 = v
        i += 1
    s[0] = phase
    s[1] = int(s[1]) + n
    s[2] = one
    s[3] = two
    s[4] = p2
    s[5] = p1


class AcLeads:
    """`ohms(channel)`: what both contacts of a channel have together, by the last 100 ms."""

    def __init__(self, afe, source):
        self.source = source
        self._afe = afe
        n = afe.channels
        self._window = max(8, afe.rate // 10 // 4 * 4)
        self._states = tuple(array("i", bytes(4 * _STATE)) for _ in range(n))
        self._ohms = array("i", bytes(4 * n))
        self._high = 0  # channels, by bit
        self._inputs = 0
        self._amperes = afe.lead_off_amperes
        wired = leads.wiring(n)
        self._electrodes = [(wired[name], 1 << leads.ELECTRODES.index(name)) for name in wired]
        self._sensed = afe.sensed_inputs()

    def __getattr__(self, name):
        return getattr(self.source, name)

    def ohms(self, channel):
        """In ohms, 2^30 at most."""
        return self._ohms[channel]

    def take(self):
        """As the sampler's, with the tone taken out and the inputs that are off in `status`."""
        source = self.source
        n = source.take()
        if not n:
            return 0
        states = self._states
        if source.gap:
            for s in states:
                for i in range(_STATE):
                    s[i] = 0
        for c in range(len(states)):
            demodulate(source.channels[c], states[c], n)
        if states[0][_COUNT] >= self._window:
            self._judge()
        status = source.status
        inputs = self._inputs
        for i in range(n):
            status[i] = inputs
        return n

    def _judge(self):
        high = self._high
        for c in range(len(self._states)):
            s = self._states[c]
            codes = (abs(s[_IN_PHASE]) + abs(s[_QUADRATURE])) // s[_COUNT]
            nv = int(self._afe.nominal_nv(c) + 0.5)
            # nV / nA = ohms; both electrodes carry the current.
            ohms = min(0x3FFFFFFF, codes * nv // max(1, int(self._amperes * 1e9 + 0.5)))
            self._ohms[c] = ohms
            s[_COUNT] = s[_IN_PHASE] = s[_QUADRATURE] = 0
            if ohms > _OFF_OHMS:
                high |= 1 << c
            elif ohms < _ON_OHMS:
                high &= ~(1 << c)
        self._high = high
        self._inputs = self._place(high) & self._sensed

    def _place(self, high):
        """Which inputs are off when these channels are high."""
        found = 0
        explained = 0
        for wires, _ in self._electrodes:  # first what several channels share
            on = (wires | wires >> 8) & 0xFF
            if on & (on - 1) and on & high == on:
                found |= wires
                explained |= on
        rest = high & ~explained
        for wires, _ in self._electrodes:
            on = (wires | wires >> 8) & 0xFF & rest
            if on and (wires & 0xFF or len(self._states) == 1):
                found |= wires
        return found
