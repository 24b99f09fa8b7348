"""The sample path in machine code: a frame's bytes into the ring, the ring into channel blocks.

All memory is made by the caller: ring `r` holds int32 words, one slot of `channels + 2` words a
frame: [gap, status, ch1 .. chN]. `gap` is 0, or samples lost just before the frame (26 bits) with
the reason above them. State `s` is one int32 array, its places named below. No allocation, no
float, no exception, no product above 2^31; x64 loads of `ptr32` are unsigned, so nothing negative
is ever loaded here, except phases, which are sign-extended by hand.
"""

import micropython
from micropython import const

# Places in `state`.
HEAD = const(0)  # slots written, modulo capacity
TAIL = const(1)  # slots taken, modulo capacity
CAPACITY = const(2)
CHANNELS = const(3)
SAMPLE_BYTES = const(4)
STATUS_BYTES = const(5)
SYNC_MASK = const(6)
SYNC = const(7)
PENDING = const(8)  # samples lost since the last frame that went into the ring
REASON = const(9)  # why the first of them was lost
PERIOD = const(10)  # one sample in us/16
PHASE = const(11)  # when the next DRDY is due, in us/16 of the wrapped tick counter
STARTED = const(12)  # 0 until the first frame has set the phase, then its PLACE and 2^28
FRAMES = const(13)  # good frames since run(), modulo 2^28
BAD = const(14)  # frames out of sync since run()
BAD_RUN = const(15)  # of them, the last ones in a row
EARLY_RUN = const(16)  # DRDYs in a row that came much too early
EARLY = const(17)  # all of them
FULL = const(18)  # frames dropped because the ring was full
MISSED = const(19)  # DRDYs nobody read, by the clock
LAST = const(20)  # tick of the last DRDY handled, in us modulo 2^24
PLACE = const(21)  # samples that have had their place in time, lost ones too, modulo 2^28
FOLLOW = const(22)  # how far the phase follows one late read, in us/16: 3 % of a period until the
# oscillator's error is known (it may be 2.5 %), 0.4 % afterwards
DOUBT = const(23)  # how much too late the phase may lie, by what it has followed late reads
VOUCHED = const(24)  # slots up to here may be taken: the registers were right after them
SLACK = const(25)  # how much too late the phase may lie because the first frame was read late
STATES = const(26)

TORN = const(0x01)  # first byte of a frame that the next conversion ran into: lost, an overrun

# Reasons of a gap: kept in records, so they never change their meaning.
NONE = const(0)
OVERRUN = const(1)  # DRDY came and nobody read in time
RING_FULL = const(2)  # read, but the consumer was too slow
SYNC_LOST = const(3)  # the frame did not begin with 1100
RESTARTED = const(4)  # the front end was restarted (fault, settings)
PAUSED = const(5)  # on purpose: a charger is plugged in, or the battery is empty
TESTED = const(7)  # on purpose: the monitor tested itself (6 is the journal's: no power)

LOST_MASK = const(0x3FFFFFF)  # 26 bits: 18 hours at 1000 samples/s
_REASON_SHIFT = const(26)
_TICKS = const(0xFFFFFF)  # 24 bits of microseconds, 16.7 s, times 16 stays below 2^28


@micropython.viper
def store(b: ptr8, ring, s: ptr32, ticks: int):
    """One DRDY: counts what was missed by the clock, checks the frame, puts it in the ring."""
    ticks &= 0xFFFFFF
    s[20] = ticks
    now = ticks << 4
    period = int(s[10])
    pending = int(s[8])
    reason = int(s[9])
    place = int(s[21]) - pending
    if int(s[12]) == 0:
        # Nobody knows how late this first read is: any part of a period.
        s[12] = place | 0x10000000
        s[11] = now
        s[23] = period
        s[25] = period
    # How late against the phase, signed within +/-2^27 (us/16).
    late = (now - int(s[11])) & 0xFFFFFFF
    late = (late ^ 0x8000000) - 0x8000000
    early = 0
    if late < 0:
        if late + (period >> 2) >= 0:
            pass
        elif late + int(s[25]) >= 0 and ((place - int(s[12])) & 0xFFFFFFF) < 8:
            # One of the first frames: the very first was read late, and set the phase too late.
            s[25] = int(s[25]) + late
        else:
            # Far too early: a part that converts too fast; its extra frames are none of ours;
            # six in a row say that the phase itself came from a late read: take it from here.
            early = 1
            s[16] = int(s[16]) + 1
            s[17] = (int(s[17]) + 1) & 0xFFFFFFF
            if int(s[16]) >= 6:
                early = 0
                if pending == 0:
                    reason = 1
                pending += int(s[16]) - 1
        if early == 0:
            s[16] = 0
            # As much nearer to the truth as it came early; how near is known no better.
            doubt = int(s[23]) + late
            if doubt < 0:
                doubt = 0
            s[23] = doubt
            s[11] = (now + period) & 0xFFFFFFF
    else:
        s[16] = 0
        # The phase may lie too late by what it has followed.
        doubt = int(s[23])
        grace = doubt + (doubt >> 2) + 256
        if grace > period >> 3:
            grace = period >> 3
        if late + grace >= period:
            # Within the grace a sample counts as missed too early rather than never: that error
            # mends itself with the next read (which then comes early), a slipped index would not.
            missed = (late + grace) // period
            if pending == 0:
                reason = 1
            pending += missed
            s[19] = (int(s[19]) + missed) & 0xFFFFFFF
            s[25] = 0
            late -= missed * period
        # Late reads say little about the phase: follow by an eighth, by `FOLLOW` at most. An early
        # read sets the phase at once.
        follow = late >> 3
        if follow > int(s[22]):
            follow = int(s[22])
        if follow > 0:
            doubt += follow
        # (It fades, to nothing: an oscillator's drift looks like late reads.)
        s[23] = doubt - ((doubt + 127) >> 7)
        s[11] = (now - late + follow + period) & 0xFFFFFFF
    # The status word, widened to 24 bits.
    status = int(b[0]) << 16 | int(b[1]) << 8
    at = 2
    if int(s[5]) == 3:
        status |= int(b[2])
        at = 3
    if early:
        pass
    elif (status & int(s[6])) != int(s[7]):
        if int(b[0]) == 1:
            if pending == 0:
                reason = 1
        else:
            s[14] = (int(s[14]) + 1) & 0xFFFFFFF
            s[15] = int(s[15]) + 1
            if pending == 0:
                reason = 3
        pending += 1
    else:
        s[15] = 0
        head = int(s[0])
        following = head + 1
        if following == int(s[2]):
            following = 0
        if following == int(s[1]):
            s[18] = (int(s[18]) + 1) & 0xFFFFFFF
            if pending == 0:
                reason = 2
            pending += 1
        else:
            n = int(s[3])
            r = ptr32(ring)
            i = head * (n + 2)
            r[i] = pending | reason << 26
            r[i + 1] = status
            i += 2
            end = i + n
            if int(s[4]) == 3:
                while i < end:
                    v = int(b[at]) << 16 | int(b[at + 1]) << 8 | int(b[at + 2])
                    r[i] = (v ^ 0x800000) - 0x800000
                    at += 3
                    i += 1
            else:
                while i < end:
                    v = int(b[at]) << 8 | int(b[at + 1])
                    r[i] = (v ^ 0x8000) - 0x8000
                    at += 2
                    i += 1
            s[13] = (int(s[13]) + 1) & 0xFFFFFFF
            s[21] = (place + pending + 1) & 0xFFFFFFF
            s[8] = 0
            s[9] = 0
            s[0] = following
            return
    s[21] = (place + pending) & 0xFFFFFFF
    if pending > 0x3FFFFFF:
        pending = 0x3FFFFFF
    s[8] = pending
    s[9] = reason


@micropython.viper
def run_length(r: ptr32, s: ptr32, limit: int) -> int:
    """How many vouched frames, at most `limit`, make one block: it ends before the next gap."""
    stride = int(s[3]) + 2
    at = int(s[1])
    n = 0
    while n < limit and at != int(s[24]):
        if n > 0 and int(r[at * stride]) != 0:
            break
        n += 1
        at += 1
        if at == int(s[2]):
            at = 0
    return n


@micropython.viper
def column(r: ptr32, s: ptr32, o: ptr32, what: int):
    """Copies word `what & 0xFF` of the next `what >> 8` frames into `o`."""
    stride = int(s[3]) + 2
    word = what & 0xFF
    n = what >> 8
    i = int(s[1]) * stride + word
    end = int(s[2]) * stride
    k = 0
    while k < n:
        o[k] = r[i]
        i += stride
        if i >= end:
            i -= end
        k += 1
