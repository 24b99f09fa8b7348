"""Packed records: about a byte and a half a beat, in flash and on the air alike.

    packer = Packer(page_buffer)                 # a bytearray(256)
    packer.open_page(number, seq, sample, boot)
    packer.add(wire.BEAT, body, 11)              # False: no room left, close and take a new page
    start, end = packer.close_chunk()            # bytes of the page that are now final

    page = Unpacker(bytes_of_the_page)           # unpack.py; may be fed a page that still grows
    for seq, kind, body in page.records(): ...

Page (256 bytes): header, chunks, then 0xFF (never written). It stands alone: no page is needed to
read another, so a damaged one costs only what was in it.

  header   u8 0xB1 (format 1) | u24 page number | u32 seq of the first record | u32 sample of the
           last beat before | u16 boot | u16 crc of the 14 bytes before, begun with the journal's
           number: a page of an earlier life of the flash is not taken for one of this
  chunk    u8 length of the payload (1..237) | u16 crc of length and payload, begun with the page
           number | payload. A chunk is what one flush wrote.
  payload  bits, most significant first; items until the bits end:
    0        a beat with the confidence and flags of the one before
    10       a beat with the same flags, and the confidence that was there before this one
    110      a beat with the same flags; its confidence / 10 comes first (four bits); fifteen
             says that confidence (four bits) and flags (eight) follow
    1110     a record of another kind: five bits type, eight bits length, body;
             type 30: u32, the next record has this seq (numbers in between were never kept)
    1111     the end (a chunk is padded with ones, so fewer bits of ones mean the same)

A beat's numbers follow its prefix: RR against the last RR; amplitude, in its floating code, and
width against running means. Each difference goes, zigzag, as an adaptive Golomb-Rice code
(parameter from a running mean, as in JPEG-LS) whose long tail is an Exp-Golomb code: an ectopic
beat costs a few bits, not dozens. A beat that does not fit (its rr is not the distance to the
beat before) goes as a plain record: the code is lossless for every body.
"""

try:
    from binascii import crc_hqx
except ImportError:
    from .crc import crc_hqx

from struct import unpack_from

PAGE = 256
PAGE_HEAD = 16
CHUNK_HEAD = 3
PAGE_KIND = 0xB1
SKIP = 30
BEAT, BEAT_SIZE, AFTER_GAP = 1, 11, 2  # as in wire.py
U32 = 0xFFFFFFFF
_RR_START, _AMPLITUDE_START, _WIDTH_START, _CONFIDENCE_START = 208, 112, 12, 10
TAIL = 5  # unary ones after which the rest follows as an Exp-Golomb code


def amplitude_code(uv):
    """u8 of a rounded amplitude (wire.round_amplitude): exponent and four bits of mantissa."""
    shift = 0
    while uv >> shift > 31:
        shift += 1
    return (shift << 4) + (uv >> shift)


def amplitude_value(code):
    """Microvolts of an amplitude code."""
    return code if code < 32 else (16 + (code & 15)) << ((code >> 4) - 1)


def head_seed(journal):
    """What the checksum of a page header begins with."""
    return (journal ^ journal >> 16) & 0xFFFF


def page_head(page, journal=0):
    """(page number, seq, sample, boot) of a page of this journal, or None when it is not one."""
    if len(page) < PAGE_HEAD or page[0] != PAGE_KIND:
        return None
    if crc_hqx(bytes(page[:14]), head_seed(journal)) != page[14] | page[15] << 8:
        return None
    seq, sample, boot = unpack_from("<IIH", page, 4)
    return page[1] | page[2] << 8 | page[3] << 16, seq, sample, boot


class Context:
    """What both sides know after each beat of a page; running means are times 16."""

    def __init__(self):
        self.begin(0)

    def begin(self, sample):
        self.sample = sample
        self.rr = _RR_START
        self.amplitude = _AMPLITUDE_START << 4
        self.width = _WIDTH_START << 4
        self.confidence = self.before = _CONFIDENCE_START
        self.flags = 0
        self.rr_mean = 256
        self.amplitude_mean = 48
        self.width_mean = 16

    def copy(self, other):
        self.sample = other.sample
        self.rr = other.rr
        self.amplitude = other.amplitude
        self.width = other.width
        self.confidence = other.confidence
        self.before = other.before
        self.flags = other.flags
        self.rr_mean = other.rr_mean
        self.amplitude_mean = other.amplitude_mean
        self.width_mean = other.width_mean


def parameter(mean):
    """Bits of a difference that are sent as they are."""
    k = 0
    while 24 << k < mean:
        k += 1
    return k


def learn(mean, value):
    """The running mean of a difference after `value`."""
    return mean + (((value if value < 256 else 256) << 4) - mean >> 3)


def follow(mean, value):
    """The running mean of a quantity after `value`."""
    return mean + ((value << 4) - mean >> 2)


class Packer:
    """Writes records into a page of 256 bytes that the caller owns."""

    def __init__(self, page, journal=0):
        self.page = page
        self.journal = journal
        self.limit = PAGE  # bytes of the page that may be used
        self._now = Context()
        self._before = Context()
        self._bit = 0
        self._start = PAGE_HEAD
        self.count = 0  # records in the open chunk

    def open_page(self, number, seq, sample, boot, limit=PAGE):
        page = self.page
        self.limit = limit
        for i in range(PAGE):
            page[i] = 0xFF
        page[0] = PAGE_KIND
        for i in range(3):
            page[1 + i] = number >> (8 * i) & 255
        for i in range(4):
            page[4 + i] = seq >> (8 * i) & 255
            page[8 + i] = sample >> (8 * i) & 255
        page[12], page[13] = boot & 255, boot >> 8
        crc = crc_hqx(page[:14], head_seed(self.journal))
        page[14], page[15] = crc & 255, crc >> 8
        self._seed = number & 0xFFFF
        self._now.begin(sample)
        self._open_chunk(PAGE_HEAD)

    def _open_chunk(self, start):
        self._start = start
        self._bit = (start + CHUNK_HEAD) * 8
        self.count = 0

    def _put(self, value, bits):
        page, bit = self.page, self._bit
        self._bit = bit + bits
        if bit + bits > self.limit * 8:
            return  # found by add(): the record is taken back
        while bits:
            room = 8 - (bit & 7)
            take = room if room < bits else bits
            bits -= take
            piece = value >> bits & ((1 << take) - 1)
            mask = ((1 << take) - 1) << (room - take)
            at = bit >> 3
            page[at] = page[at] & ~mask | piece << (room - take)
            bit += take

    def _put_difference(self, d, mean):
        """A signed difference; returns the zigzag number that it was sent as."""
        u = d << 1 if d >= 0 else (-d << 1) - 1
        k = parameter(mean)
        high = u >> k
        if high < TAIL:
            self._put((1 << high + 1) - 2, high + 1)
        else:
            high -= TAIL - 1
            n = 0
            while high >> n > 1:
                n += 1
            self._put((1 << TAIL) - 1, TAIL)
            self._put(0, n)
            self._put(high >> 16, n + 1 - 16 if n >= 16 else 0)
            self._put(high & 0xFFFF, 16 if n >= 16 else n + 1)
        self._put(u & (1 << k) - 1, k)
        return u

    def _put_beat(self, body):
        """Codes a beat body; False when it has to go as a plain record."""
        now = self._now
        sample = body[0] | body[1] << 8 | body[2] << 16 | body[3] << 24
        rr = body[4] | body[5] << 8
        distance = (sample - now.sample) & U32
        amplitude = body[6] | body[7] << 8
        code = amplitude_code(amplitude)
        flags, gap = body[10], body[10] & AFTER_GAP
        if (
            rr != (0 if gap else distance)
            or code > 255
            or amplitude_value(code) != amplitude
            or body[9] > 140
            or body[9] % 10
        ):
            return False
        confidence = body[9] // 10
        if flags != now.flags:
            self._put(6 << 4 | 15, 7)
            self._put(confidence << 8 | flags, 12)
        elif confidence not in (now.confidence, now.before):
            self._put(6 << 4 | confidence, 7)
        elif confidence == now.confidence:
            self._put(0, 1)
        else:
            self._put(2, 2)
        u = self._put_difference(distance - now.rr, now.rr_mean)
        if not gap:
            now.rr, now.rr_mean = rr, learn(now.rr_mean, u)
        u = self._put_difference(code - (now.amplitude + 8 >> 4), now.amplitude_mean)
        now.amplitude_mean = learn(now.amplitude_mean, u)
        u = self._put_difference(body[8] - (now.width + 8 >> 4), now.width_mean)
        now.width_mean = learn(now.width_mean, u)
        now.sample, now.flags = sample, flags
        now.amplitude = follow(now.amplitude, code)
        now.width = follow(now.width, body[8])
        if confidence != now.confidence:
            now.confidence, now.before = confidence, now.confidence
        return True

    def add(self, kind, body, size):
        """Adds a record to the open chunk; False when the page has no room for it."""
        bit = self._bit
        self._before.copy(self._now)
        if not (kind == BEAT and size == BEAT_SIZE and self._put_beat(body)):
            self._put(14 << 5 | kind, 9)
            self._put(size, 8)
            for i in range(size):
                self._put(body[i], 8)
            if kind == BEAT and size == BEAT_SIZE:
                self._now.sample = body[0] | body[1] << 8 | body[2] << 16 | body[3] << 24
        return self._keep(bit)

    def skip(self, seq):
        """The next record has this seq."""
        bit = self._bit
        self._before.copy(self._now)
        self._put(14 << 5 | SKIP, 9)
        self._put(seq >> 16, 16)
        self._put(seq & 0xFFFF, 16)
        return self._keep(bit)

    def _keep(self, bit):
        if self._bit <= self.limit * 8:
            self.count += 1
            return True
        self._bit = bit
        self._now.copy(self._before)
        for i in range((bit + 7) >> 3, PAGE):
            self.page[i] = 0xFF
        return False

    def close_chunk(self):
        """Seals the open chunk; (start, end) of its bytes, equal when there was nothing in it."""
        start = self._start
        if not self.count:
            return start, start
        rest = -self._bit & 7
        self._put(0xFF, rest)
        page, end = self.page, self._bit >> 3
        page[start] = end - start - CHUNK_HEAD
        crc = crc_hqx(page[start : start + 1], self._seed)
        crc = crc_hqx(page[start + CHUNK_HEAD : end], crc)
        page[start + 1], page[start + 2] = crc & 255, crc >> 8
        self._open_chunk(end)
        return start, end

    @property
    def full(self):
        """No room for another chunk with a beat in it."""
        return self._start > self.limit - CHUNK_HEAD - 8
