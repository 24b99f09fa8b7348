"""Reads pages of format 1, written by monitors up to 0.1.0: an update leaves them in flash.

Page (256 bytes; the first of a flash block 224): the header as in pack.py, chunks, then 0xFF.

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

A beat's numbers follow its prefix: RR against the last RR; amplitude, in a floating code of five
significant bits, and width against running means. Each difference is, zigzag, an adaptive
Golomb-Rice code whose long tail is an Exp-Golomb code.
"""

from struct import unpack_from

from .pack import BEAT_KIND, BEAT_SIZE, PAGE_HEAD, SKIP, U32, crc_hqx

PAGE_1 = 256
CHUNK_HEAD = 3
_AFTER_GAP = 2
_RR_START, _AMPLITUDE_START, _WIDTH_START, _CONFIDENCE_START = 208, 112, 12, 10
_TAIL = 5  # unary ones after which the rest follows as an Exp-Golomb code


def _amplitude(code):
    """Microvolts of an amplitude code."""
    return code if code < 32 else (16 + (code & 15)) << ((code >> 4) - 1)


def _parameter(mean):
    """Bits of a difference that are sent as they are."""
    k = 0
    while 24 << k < mean:
        k += 1
    return k


def _learn(mean, value):
    """The running mean of a difference after `value`."""
    return mean + (((value if value < 256 else 256) << 4) - mean >> 3)


def _follow(mean, value):
    """The running mean of a quantity after `value`."""
    return mean + ((value << 4) - mean >> 2)


class Unpacker1:
    """Reads a page of which header and bytes are given; the page may grow."""

    def __init__(self, page, number, seq, sample):
        self._page = page
        self._number = number
        self._at = PAGE_HEAD
        self.seq = seq
        self.damaged = False
        self.ended = False
        self._sample = sample
        # Running means are times 16.
        self._rr = _RR_START
        self._amplitude = _AMPLITUDE_START << 4
        self._width = _WIDTH_START << 4
        self._confidence = self._before = _CONFIDENCE_START
        self._flags = 0
        self._rr_mean = 256
        self._amplitude_mean = 48
        self._width_mean = 16

    def records(self):
        """(seq, type, body) of every record in the chunks that are complete and not yet read."""
        found = []
        while not self.damaged:
            at, page = self._at, self._page
            if at >= PAGE_1 - CHUNK_HEAD or (at < len(page) and page[at] == 0xFF):
                self.ended = True
                break
            if at >= len(page) or at + CHUNK_HEAD + page[at] > len(page):
                if at < len(page) and at + CHUNK_HEAD + page[at] > PAGE_1:
                    self.damaged = True
                break
            end = at + CHUNK_HEAD + page[at]
            crc = crc_hqx(bytes(page[at : at + 1]), self._number & 0xFFFF)
            crc = crc_hqx(bytes(page[at + CHUNK_HEAD : end]), crc)
            if end == at + CHUNK_HEAD or crc != page[at + 1] | page[at + 2] << 8:
                self.damaged = True
                break
            self._bit, self._end = (at + CHUNK_HEAD) * 8, end * 8
            try:
                self._chunk(found)
            except IndexError:  # a good checksum over bits that no packer wrote
                self.damaged = True
                break
            self._at = end
        return found

    def _chunk(self, found):
        while self._bit < self._end:
            ones = 0
            while ones < 4 and self._bit < self._end and self._get(1):
                ones += 1
            if ones == 4 or (self._bit == self._end and self._ones_to_the_end(ones)):
                return
            if ones < 3:
                body, kind = self._get_beat(ones), BEAT_KIND
            else:
                kind = self._get(5)
                if kind == SKIP:
                    self.seq = self._get(32)
                    continue
                body = bytes([self._get(8) for _ in range(self._get(8))])
                if kind == BEAT_KIND and len(body) == BEAT_SIZE:
                    self._sample = unpack_from("<I", body, 0)[0]
            found.append((self.seq, kind, body))
            self.seq = (self.seq + 1) & U32

    def _ones_to_the_end(self, ones):
        """Whether the bits ended in the middle of a run of ones: padding."""
        return self._page[(self._bit - 1) >> 3] >> (-self._bit & 7) & 1 == 1 and ones > 0

    def _get(self, bits):
        if self._bit + bits > self._end:
            raise IndexError
        value = 0
        while bits:
            room = 8 - (self._bit & 7)
            take = room if room < bits else bits
            byte = self._page[self._bit >> 3]
            value = value << take | byte >> (room - take) & (1 << take) - 1
            self._bit += take
            bits -= take
        return value

    def _get_difference(self, mean):
        """(signed difference, the zigzag number that it was sent as)."""
        k = _parameter(mean)
        high = 0
        while high < _TAIL and self._get(1):
            high += 1
        if high == _TAIL:
            n = 0
            while not self._get(1):
                n += 1
                if n > 40:
                    raise IndexError
            high = _TAIL - 1 + (1 << n | self._get(n))
        u = high << k | self._get(k)
        return (-(u + 1 >> 1) if u & 1 else u >> 1), u

    def _get_beat(self, how):
        if how == 2:
            confidence = self._get(4)
            if confidence == 15:
                confidence = self._get(4)
                self._flags = self._get(8)
        else:
            confidence = self._before if how else self._confidence
        gap = self._flags & _AFTER_GAP
        d, u = self._get_difference(self._rr_mean)
        distance = self._rr + d
        if not gap:
            self._rr, self._rr_mean = distance & 0xFFFF, _learn(self._rr_mean, u)
        d, u = self._get_difference(self._amplitude_mean)
        code = d + (self._amplitude + 8 >> 4) & 255
        self._amplitude_mean = _learn(self._amplitude_mean, u)
        self._amplitude = _follow(self._amplitude, code)
        d, u = self._get_difference(self._width_mean)
        width = d + (self._width + 8 >> 4) & 255
        self._width_mean = _learn(self._width_mean, u)
        self._width = _follow(self._width, width)
        if confidence != self._confidence:
            self._confidence, self._before = confidence, self._confidence
        self._sample = (self._sample + distance) & U32
        rr = 0 if gap else distance & 0xFFFF
        uv = _amplitude(code) & 0xFFFF
        sample, percent = self._sample, confidence * 10 & 255
        return bytes(
            [sample & 255, sample >> 8 & 255, sample >> 16 & 255, sample >> 24]
            + [rr & 255, rr >> 8, uv & 255, uv >> 8, width, percent, self._flags]
        )
