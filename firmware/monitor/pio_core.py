"""The state machine that reads a frame, and the unpacking of a ring of bytes, in machine code.

    words = program(20)                    # DRDY on GPIO 20
    n = good(raw, state, 64)               # frames in sync, of 64
    column(raw, state, out, n << 8 | 3)    # the codes that begin at byte 3 of each frame

`state` is an int32 array whose places are named below; `raw` the ring, a power of two in bytes.
"""

import micropython
import rp2
from micropython import const

CYCLES = const(3)  # instructions of the program for one bit

# Places in the unpacking state.
AT = const(0)  # first byte of the next frame in the ring
MASK = const(1)
FRAME = const(2)
STATUS = const(3)
SAMPLE = const(4)
_SYNCMASK = const(5)
SYNC = const(6)


@rp2.asm_pio(
    sideset_init=rp2.PIO.OUT_LOW,
    in_shiftdir=rp2.PIO.SHIFT_LEFT,
    autopush=True,
    push_thresh=8,
)
def _frame():
    # DRDY's GPIO is put into the two waits by `program`; Y holds the number of bits less one.
    wrap_target()
    wait(0, gpio, 0).side(0)  # a frame is ready
    mov(x, y).side(0)
    label("bit")
    nop().side(1)  # SCLK rises: the part puts its next bit out
    in_(pins, 1).side(0)  # SCLK falls: the bit is taken (mode 1)
    jmp(x_dec, "bit").side(0)
    wait(1, gpio, 0).side(0)  # the read has taken DRDY back: never the same frame twice
    wrap()


_WAITS = (0, 5)  # where the waits stand in the program


def program(drdy):
    """The state machine's program for DRDY on GPIO `drdy` (the number goes into the words)."""
    words = _frame[0]
    for at in _WAITS:
        words[at] = words[at] & ~0x1F | drdy
    return _frame


@micropython.viper
def good(b: ptr8, s: ptr32, limit: int) -> int:
    """How many of the next `limit` frames begin as they must, up to the first that does not."""
    at = int(s[0])
    mask = int(s[1])
    n = 0
    while n < limit:
        status = int(b[at]) << 16 | int(b[(at + 1) & mask]) << 8
        if int(s[3]) == 3:
            status |= int(b[(at + 2) & mask])
        if (status & int(s[5])) != int(s[6]):
            break
        n += 1
        at = (at + int(s[2])) & mask
    return n


@micropython.viper
def column(b: ptr8, s: ptr32, o: ptr32, what: int):
    """Unpacks one column of `what >> 8` frames into `o`: byte `what & 0xFF` on, 0 = the status."""
    mask = int(s[1])
    offset = what & 0xFF
    size = int(s[4])
    if offset == 0:
        size = int(s[3])
    n = what >> 8
    at = (int(s[0]) + offset) & mask
    k = 0
    while k < n:
        v = int(b[at]) << 8 | int(b[(at + 1) & mask])
        if size == 3:
            v = v << 8 | int(b[(at + 2) & mask])
            if offset:
                v = (v ^ 0x800000) - 0x800000
        elif offset:
            v = (v ^ 0x8000) - 0x8000
        else:
            v = v << 8
        o[k] = v
        at = (at + int(s[2])) & mask
        k += 1
