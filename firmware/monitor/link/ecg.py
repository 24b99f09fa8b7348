"""Blocks of ECG, as they are kept in RAM, in flash, and sent: half a second of one channel.

  head = ecg.head(block)            # (order, channel, boot, first sample, count, first code)
  codes = ecg.decode(block)         # list of the converter's codes; WireError when damaged

block    header (14 bytes), payload, u16 crc of all before (crc_hqx, begun with 0xFFFF)
header   u8 version 1 << 4 | order | u8 channel | u16 boot | u32 index of the first sample
         | u16 samples | s32 the first code
payload  order 1 or 2: bits, most significant first. Groups of sixteen samples (the last may be
         shorter): five bits k, then for each sample its rest as an unsigned number u (0, -1, 1,
         -2 ... are 0, 1, 2, 3 ...): u >> k zeros, a one, k low bits; or sixteen zeros and u
         in 28 bits. The rest is against the sample before (order 1), or against the straight
         line through the two before (order 2); before the first sample all are as the first.
         order 3: three bytes a sample, most significant first, two's complement.
"""

try:
    from binascii import crc_hqx
except ImportError:
    from .crc import crc_hqx

from struct import unpack_from

from .wire import WireError

HEAD = 14
TAIL = 2
FORMAT = "<BBHIHi"
VERSION = 1
RAW = 3
MOST_SAMPLES = 500


def head(block):
    """(order, channel, boot, first sample, count, first code) of a block with a good checksum."""
    if len(block) < HEAD + TAIL:
        raise WireError("ECG block of %d bytes" % len(block))
    end = len(block) - TAIL
    if crc_hqx(bytes(block[:end]), 0xFFFF) != block[end] | block[end + 1] << 8:
        raise WireError("ECG block with a bad checksum")
    kind, channel, boot, first, count, code = unpack_from(FORMAT, block, 0)
    if kind >> 4 != VERSION or not 1 <= kind & 3 <= RAW or kind & 12:
        raise WireError("ECG block of an unknown kind 0x%02X" % kind)
    if not 0 < count <= MOST_SAMPLES:
        raise WireError("ECG block of %d samples" % count)
    return kind & 3, channel, boot, first, count, code


def decode(block):
    """The samples of a block, as codes of the converter."""
    order, _, _, _, count, code = head(block)
    data = bytes(block[HEAD : len(block) - TAIL])
    if order == RAW:
        if len(data) < 3 * count:
            raise WireError("raw ECG block of %d bytes" % len(data))
        codes = []
        for i in range(0, 3 * count, 3):
            v = data[i] << 16 | data[i + 1] << 8 | data[i + 2]
            codes.append((v ^ 0x800000) - 0x800000)
        return codes
    bits = int.from_bytes(data, "big")
    left = 8 * len(data)
    p = q = code
    codes = []
    k = 0
    for i in range(count):
        if i % 16 == 0:
            left -= 5
            if left < 0:
                raise WireError("ECG block ends early")
            k = bits >> left & 31
        high = 0
        while True:
            left -= 1
            if left < 0:
                raise WireError("ECG block ends early")
            if bits >> left & 1:
                break
            high += 1
            if high == 16:
                break
        size = 28 if high == 16 else k
        left -= size
        if left < 0:
            raise WireError("ECG block ends early")
        u = bits >> left & (1 << size) - 1
        if high < 16:
            u |= high << k
        d = -(u + 1 >> 1) if u & 1 else u >> 1
        v = p + d if order == 1 else 2 * p - q + d
        q, p = p, v
        codes.append(v)
    return codes
