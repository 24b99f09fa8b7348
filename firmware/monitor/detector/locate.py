"""Finds the R peak in the samples, its height and the width of the QRS.

locate(n, m, c)      # n: the middle of the energy, an even sample index; c: the record
"""

import micropython
from micropython import const

R = const(4)
AMPLITUDE = const(6)
WIDTH = const(7)


@micropython.viper
def locate(j: int, m: ptr32, c: ptr32):
    # The largest second difference, 32 ms to either side, of the sum of four samples: every 8 ms.
    n = j + 16
    j -= 14
    a = 0
    k = 0
    while k < 4:
        z = j - 2 + k
        a += m[z & 127] + m[z & 127] - m[(z - 8) & 127] - m[(z + 8) & 127]
        k += 1
    best = 0
    t = j
    p = 1
    while j <= n:
        z = a
        if z < 0:
            z = 0 - z
        if z > best:
            best = z
            t = j
            p = a
        # From j - 2 .. j + 1 to j .. j + 3.
        z = m[(j + 2) & 127] + m[(j + 3) & 127] - m[(j - 2) & 127] - m[(j - 1) & 127]
        a += z + z
        a -= m[(j + 10) & 127] + m[(j + 11) & 127] - m[(j + 6) & 127] - m[(j + 7) & 127]
        a -= m[(j - 6) & 127] + m[(j - 5) & 127] - m[(j - 10) & 127] - m[(j - 9) & 127]
        j += 2
    # Then the same for the sum of five, for the four samples around.
    j = t - 2
    n = t + 1
    a = 0
    k = 0
    while k < 5:
        z = j - 2 + k
        a += m[z & 127] + m[z & 127] - m[(z - 8) & 127] - m[(z + 8) & 127]
        k += 1
    best = 0 - 0x20000000
    while j <= n:
        z = a
        if p < 0:
            z = 0 - a
        if z > best:
            best = z
            t = j
        z = m[(j + 3) & 127] - m[(j - 2) & 127]
        a += z + z - m[(j + 11) & 127] + m[(j + 6) & 127] - m[(j - 5) & 127] + m[(j - 10) & 127]
        j += 1
    c[R] = t
    # Amplitude: the mean of three samples against the mean of eight before the QRS.
    a = (m[(t - 1) & 127] + m[t & 127] + m[(t + 1) & 127]) << 3
    j = t - 24
    n = t - 16
    while j < n:
        z = m[j & 127]
        a -= z + z + z
        j += 1
    if a < 0:
        a = 0 - a
    c[AMPLITUDE] = a // 24
    # Width: out to where the slope over 16 ms stays under a sixth of the steepest for 24 ms.
    t &= -2
    best = 0
    j = t - 16
    n = t + 16
    while j <= n:
        z = m[(j + 2) & 127] + m[(j + 3) & 127] - m[(j - 2) & 127] - m[(j - 1) & 127]
        if z < 0:
            z = 0 - z
        if z > best:
            best = z
        j += 4
    best = best // 6
    k = 0
    n = 0
    while n < 2:
        # k: how far the QRS reaches to the left, then also to the right.
        j = t
        z = 0 - 2
        if n:
            z = 2
        q = 0
        steps = 0
        while steps < 12:
            j += z
            steps += 1
            a = m[(j + 2) & 127] + m[(j + 3) & 127] - m[(j - 2) & 127] - m[(j - 1) & 127]
            if a < 0:
                a = 0 - a
            if a > best:
                q = steps
            elif steps > q + 2:
                break
        k += q
        n += 1
    k <<= 3
    if p < 0:
        k += 256
    c[WIDTH] = k
