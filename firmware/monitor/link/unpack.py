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
    END,
    ESCAPE,
    PAGE,
    PAGE_HEAD,
    SKIP,
    U32,
    Context,
    amplitude_value,
    crc_hqx,
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
        while self._end - self._bit >= 6 or (self._end - self._bit and not self._peek()):
            if not self._get(1):
                body, kind = self._get_beat(), BEAT
            else:
                kind = self._get(5)
                if kind == END:
                    return
                if kind == SKIP:
                    self.seq = self._get(32)
                    continue
                body = bytes([self._get(8) for _ in range(self._get(8))])
                if kind == BEAT and len(body) == BEAT_SIZE:
                    self._now.sample = unpack_from("<I", body, 0)[0]
            found.append((self.seq, kind, body))
            self.seq = (self.seq + 1) & U32

    def _peek(self):
        value = self._get(1)
        self._bit -= 1
        return value

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

    def _get_rice(self, k):
        high = 0
        while self._get(1):
            high += 1
            if high == ESCAPE:
                return self._get(33)
        return high << k | (self._get(k) if k else 0)

    def _get_beat(self):
        now = self._now
        u = self._get_rice(parameter(now.rr_mean))
        mean = learn(now.rr_mean, u)
        distance = now.rr + (-(u + 1 >> 1) if u & 1 else u >> 1)
        u = self._get_rice(parameter(now.amplitude_mean))
        now.amplitude_mean = learn(now.amplitude_mean, u)
        code = (now.amplitude + (-(u + 1 >> 1) if u & 1 else u >> 1)) & 255
        if self._get(1):
            if self._get(1):
                now.width = self._get(8)
            else:
                now.width = (now.width + (-1 if self._get(1) else 1)) & 255
        if self._get(1):
            if self._get(1):
                now.confidence = self._get(4)
                now.flags = self._get(8)
            else:
                now.confidence = self._get(4)
        now.sample = (now.sample + distance) & U32
        now.amplitude = code
        gap = now.flags & AFTER_GAP
        rr = 0 if gap else distance & 0xFFFF
        if not gap:
            now.rr, now.rr_mean = rr, mean
        uv = amplitude_value(code) & 0xFFFF
        sample, percent = now.sample, now.confidence * 10 & 255
        return bytes(
            [sample & 255, sample >> 8 & 255, sample >> 16 & 255, sample >> 24]
            + [rr & 255, rr >> 8, uv & 255, uv >> 8, now.width, percent, now.flags]
        )
