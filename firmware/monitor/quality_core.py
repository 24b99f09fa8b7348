"""What `quality` looks at in every sample, in machine code: one pass a block, no allocation.

Codes are within +/-2^23. x64 loads of ptr32 are unsigned: what may be negative is sign-extended.
"""

import micropython
from micropython import const

# Places in a channel's scan state.
SKIP = const(0)
P1 = const(1)
P2 = const(2)
COUNT = const(3)
RAILS = const(4)
ROUGH = const(5)
MIN = const(6)
MAX = const(7)
RAIL_AT = const(8)
ROUGH_AT = const(9)
STEP = const(10)
JUMP = const(11)  # a step of more than this between two samples (4 ms) is none of a heart's
STEPS = const(12)  # of those in the window
JUMPED = const(13)  # how far the newest went, up to three samples apart
AGE = const(14)  # how many samples the newest is old
CLOSE = const(15)  # how many came so close together
SCAN = const(16)


@micropython.viper
def scan(block, state, n: int):
    """Every `step`-th of n codes into the window's counts. Codes are within +/-2^23."""
    b = ptr32(block)
    s = ptr32(state)
    i = int(s[0])
    p1 = ((int(s[1]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    p2 = ((int(s[2]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    low = ((int(s[6]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    high = ((int(s[7]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    rail = int(s[8])
    rough = int(s[9])
    count = int(s[3])
    while i < n:
        v = ((int(b[i]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
        if count == 0:
            low = v
            high = v
        if v < low:
            low = v
        if v > high:
            high = v
        if v >= rail or v <= 0 - rail:
            s[4] = int(s[4]) + 1
        d = v - p1 - p1 + p2
        if d > rough or d < 0 - rough:
            s[5] = int(s[5]) + 1
        d = v - p1
        age = int(s[14]) + 1
        if (d > int(s[11]) or d < 0 - int(s[11])) and count > 0:
            j = ((int(s[13]) & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
            if age > 3:
                s[15] = 0
                j = 0
            j += d
            s[13] = j
            if j < 0:
                j = 0 - j
            if j < int(s[11]) + (int(s[11]) >> 1):
                # There and back: a pacemaker's spike, which goes on where it came from.
                s[12] = int(s[12]) - int(s[15])
                s[15] = 0
            else:
                s[12] = int(s[12]) + 1
                s[15] = int(s[15]) + 1
            age = 0
        s[14] = age & 0xFFFF
        p2 = p1
        p1 = v
        count += 1
        i += int(s[10])
    s[0] = i - n
    s[1] = p1
    s[2] = p2
    s[3] = count
    s[6] = low
    s[7] = high


@micropython.viper
def flags(words, n: int, every: int) -> int:
    """AND (`every` 1) or OR of n status words."""
    w = ptr32(words)
    if every:
        found = 0xFFFFFF
        i = 0
        while i < n:
            found &= int(w[i])
            i += 1
        return found
    found = 0
    i = 0
    while i < n:
        found |= int(w[i])
        i += 1
    return found
