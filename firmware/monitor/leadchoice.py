"""Which channel the detector reads: the chosen one, and another while that one shows no heart.

    choice = LeadChoice(channels, preferred, rate)
    # At every change of a state, and a few times a second; `calm`: a beat has just been told.
    if choice.look(quality.state, index, calm):
        choice.channel, choice.reason    # counted from 0; why the one before was left

Another one is read only if it is good: the lowest number, limb leads before chest leads.

LEAVING    A channel on which beats can't be seen (lead off, saturated, flat) is left at once, for
           `quality` has debounced that; one that has been noisy for NOISY_S, between two beats.
RETURNING  To the chosen channel, between two beats, when it has been good for BACK_S without a
           break. If it fails within STEADY_S of that, it has to be good for twice as long the next
           time, and so on up to LONGEST_S: a loose contact doesn't make the beats flap.

Nothing is left for want of beats: a heart that stands still does so on every lead.
"""

from array import array

from micropython import const

from .link import wire

NOISY_S = const(3)
BACK_S = const(10)
STEADY_S = const(300)
LONGEST_S = const(320)
_MASK = const(0xFFFFFFFF)
_BLIND = (wire.SIGNAL_LEAD_OFF, wire.SIGNAL_SATURATED, wire.SIGNAL_FLAT)


class LeadChoice:
    """`channel`: the one to read; `reason`: the state of the one that was left (wire.SIGNAL_*;
    SIGNAL_GOOD: back to the chosen one); `preferred`: the chosen one."""

    def __init__(self, channels, preferred, rate):
        self.channels = channels
        self.channel = self.preferred = min(preferred, channels - 1)
        self.reason = wire.SIGNAL_UNKNOWN
        self._rate = rate
        self._states = bytearray(channels)
        self._since = array("I", bytes(4 * channels))
        self._wait = BACK_S
        self._back_at = -1  # sample index of the last return, -1: none yet

    def look(self, states, index, calm):
        """Takes each channel's state at a sample index (u32); True when another is to be read."""
        for c in range(self.channels):
            if states[c] != self._states[c]:
                self._states[c] = states[c]
                self._since[c] = index
        here = self.channel
        chosen = self.preferred
        good = wire.SIGNAL_GOOD
        if here != chosen and calm and self._states[chosen] == good:
            if self._age(chosen, index) >= self._wait * self._rate:
                return self._move(chosen, good, index)
        state = self._states[here]
        if state == wire.SIGNAL_NOISY:
            if not calm or self._age(here, index) < NOISY_S * self._rate:
                return False
        elif state not in _BLIND:
            return False
        if self._states[chosen] == good:
            return self._move(chosen, state, index)
        for c in range(self.channels):
            if self._states[c] == good:
                return self._move(c, state, index)
        return False

    def _age(self, channel, index):
        """Samples for which a channel has been in its state."""
        return (index - self._since[channel]) & _MASK

    def _move(self, channel, reason, index):
        if channel == self.preferred:
            self._back_at = index
        elif self.channel == self.preferred:
            # The chosen one fails: soon after it was good again, or after long?
            soon = self._back_at >= 0 and (index - self._back_at) & _MASK < STEADY_S * self._rate
            self._wait = min(2 * self._wait, LONGEST_S) if soon else BACK_S
        self.channel = channel
        self.reason = reason
        return True
