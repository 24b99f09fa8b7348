"""ECG samples into bytes without loss, in machine code: about a byte a sample.

    end = encode(codes, 125 << 2 | order_of(codes, 125), scratch, out, at)   # out[at:end]

A block's samples are predicted from the one before (order 1) or along the line through the last
two (order 2), whichever leaves less; the rests go in groups of sixteen as Rice codes whose
parameter fits the group (Shorten, T. Robinson 1994). `link/ecg.py` describes every bit and
decodes. Codes lie within +-2^23, so rests lie within +-2^25 and zigzag numbers below 2^27: no
intermediate leaves 31 bits.
"""

import micropython


@micropython.viper
def order_of(codes, n: int) -> int:
    """1 or 2: which prediction leaves the smaller rests."""
    x = ptr32(codes)
    v = ((x[0] & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    p = v
    q = v
    one = 0
    two = 0
    i = 0
    while i < n:
        v = ((x[i] & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
        d = v - p
        e = d - p + q
        if d < 0:
            d = 0 - d
        if e < 0:
            e = 0 - e
        one += d if d < 0x100000 else 0x100000
        two += e if e < 0x100000 else 0x100000
        q = p
        p = v
        i += 1
    if two < one:
        return 2
    return 1


@micropython.viper
def encode(codes, n_order: int, scratch, out, at: int) -> int:
    """Codes `n_order >> 2` samples with order `n_order & 3`; scratch: sixteen words."""
    x = ptr32(codes)
    r = ptr32(scratch)
    o = ptr8(out)
    n = n_order >> 2
    second = n_order & 2
    p = ((x[0] & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
    q = p
    word = 0  # bits not yet written, the lowest `have` of it
    have = 0
    i = 0
    while i < n:
        m = n - i
        if m > 16:
            m = 16
        total = 0
        j = 0
        while j < m:
            v = ((x[i + j] & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
            d = v - p
            if second:
                d = d - p + q
            q = p
            p = v
            if d < 0:
                d = -1 - d - d
            else:
                d = d + d
            r[j] = d
            total += d if d < 0x1000000 else 0x1000000
            j += 1
        k = 0
        while (m + (m >> 1)) << k < total and k < 24:
            k += 1
        word = word << 5 | k
        have += 5
        j = 0
        while j < m:
            d = r[j]
            high = d >> k
            if high < 15:
                word = word << (high + 1) | 1
                have += high + 1
                bits = k
            else:
                word = word << 16
                have += 16
                bits = 28
            while have >= 8:
                have -= 8
                o[at] = word >> have
                at += 1
            word = word & ((1 << have) - 1)
            while bits:
                some = bits
                if some > 16:
                    some = 16
                bits -= some
                word = word << some | ((d >> bits) & ((1 << some) - 1))
                have += some
                while have >= 8:
                    have -= 8
                    o[at] = word >> have
                    at += 1
                word = word & ((1 << have) - 1)
            j += 1
        i += m
    if have:
        o[at] = word << (8 - have)
        at += 1
    return at
