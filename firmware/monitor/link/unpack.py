"""Reads packed pages (pack.py): on the host as they arrive, on the monitor when it boots.

    page = Unpacker()
    page.feed(bytes)                             # from the page's start, in any portions
    for seq, kind, body in page.records(): ...   # each record once, as its chunk becomes complete

Every byte is taken as untrusted: a bad checksum, a code that runs over its chunk or an impossible
length sets `damaged`, and what was read before it stands.
"""

from struct import unpack_from

from .pack import (
    AFTER_GAP,
    BEAT,
    BEAT_SIZE,
    CHUNK_HEAD,
    PAGE,
    PAGE_HEAD,
    SKIP,
    TAIL,
    U32,
    Context,
    amplitude_value,
    crc_hqx,
    follow,
    learn,
    page_head,
    parameter,
)


class Unpacker:
    """Reads a page; `feed` it more bytes of the same page as they come."""

    def __init__(self, page=b"", journal=0):
        self._journal = journal
        self._page = bytearray()
        self._at = PAGE_HEAD
        self._now = Context()
        self.number = self.seq = self.boot = None
        self.damaged = False  # what follows the last good chunk is neither a chunk nor empty
        self.ended = False
        if page:
            self.feed(page)

    def feed(self, data):
        self._page.extend(data)
        if self.number is None and len(self._page) >= PAGE_HEAD:
            found = page_head(self._page, self._journal)
            if found is None:
                self.damaged = True
            else:
                self.number, self.seq, sample, self.boot = found
                self._now.begin(sample)

    def __len__(self):
        return len(self._page)

    def records(self):
        """(seq, type, body) of every record in the chunks that are complete and not yet read."""
        found = []
        while self.number is not None and not self.damaged:
            at, page = self._at, self._page
            if at >= PAGE - CHUNK_HEAD or (at < len(page) and page[at] == 0xFF):
                self.ended = True
                break
            if at >= len(page) or at + CHUNK_HEAD + page[at] > len(page):
                if at < len(page) and at + CHUNK_HEAD + page[at] > PAGE:
                    self.damaged = True
                break
            end = at + CHUNK_HEAD + page[at]
            crc = crc_hqx(bytes(page[at : at + 1]), self.number & 0xFFFF)
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
                body, kind = self._get_beat(ones), BEAT
            else:
                kind = self._get(5)
                if kind == SKIP:
                    self.seq = self._get(32)
                    continue
                body = bytes([self._get(8) for _ in range(self._get(8))])
                if kind == BEAT and len(body) == BEAT_SIZE:
                    self._now.sample = unpack_from("<I", body, 0)[0]
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
        k = parameter(mean)
        high = 0
        while high < TAIL and self._get(1):
            high += 1
        if high == TAIL:
            n = 0
            while not self._get(1):
                n += 1
                if n > 40:
                    raise IndexError
            high = TAIL - 1 + (1 << n | self._get(n))
        u = high << k | self._get(k)
        return (-(u + 1 >> 1) if u & 1 else u >> 1), u

    def _get_beat(self, how):
        now = self._now
        if how == 2:
            confidence = self._get(4)
            if confidence == 15:
                confidence = self._get(4)
                now.flags = self._get(8)
        else:
            confidence = now.before if how else now.confidence
        gap = now.flags & AFTER_GAP
        d, u = self._get_difference(now.rr_mean)
        distance = now.rr + d
        if not gap:
            now.rr, now.rr_mean = distance & 0xFFFF, learn(now.rr_mean, u)
        d, u = self._get_difference(now.amplitude_mean)
        code = d + (now.amplitude + 8 >> 4) & 255
        now.amplitude_mean = learn(now.amplitude_mean, u)
        now.amplitude = follow(now.amplitude, code)
        d, u = self._get_difference(now.width_mean)
        width = d + (now.width + 8 >> 4) & 255
        now.width_mean = learn(now.width_mean, u)
        now.width = follow(now.width, width)
        if confidence != now.confidence:
            now.confidence, now.before = confidence, now.confidence
        now.sample = (now.sample + distance) & U32
        rr = 0 if gap else distance & 0xFFFF
        uv = amplitude_value(code) & 0xFFFF
        sample, percent = now.sample, confidence * 10 & 255
        return bytes(
            [sample & 255, sample >> 8 & 255, sample >> 16 & 255, sample >> 24]
            + [rr & 255, rr >> 8, uv & 255, uv >> 8, width, percent, now.flags]
        )
