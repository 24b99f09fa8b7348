"""Reads packed pages (pack.py): on the host as they arrive, on the monitor when it boots.

    page = Unpacker()
    page.feed(bytes)                             # from the page's start, in any portions
    for seq, kind, body in page.records(): ...   # each record once, as its chunk becomes complete

Every byte is taken as untrusted: a bad checksum, a code that no packer writes or more records
than a page holds set `damaged`, and what was read before it stands.
"""

from struct import pack

from .amplitude import amplitude_value
from .coder import LEAST_CRC, LEAST_CRC_2, Damaged, Decoder, Unfinished
from .model import BEAT, END, U32, Model
from .pack import (
    BEAT_KIND,
    BEAT_SIZE,
    MOST_IN_CHUNK,
    MOST_RECORDS,
    PAGE,
    PAGE_HEAD,
    PAGE_KIND_1,
    PAGE_KIND_2,
    SKIP,
    page_head,
)


class Unpacker:
    """Reads a page of any format: a whole one, or `feed` it the bytes as they come.

    `number`, `boot`: of the page, None until its header has come. `seq`: of the next record.
    `damaged`: what follows the last good chunk is neither a chunk nor empty; `ended`: it is empty.
    """

    def __init__(self, page=b"", journal=0):
        self._journal = journal
        self._page = bytearray()
        self._at = PAGE_HEAD
        self._old = None  # the reader of format 1, if it is such a page
        self.number = self.seq = self.boot = None
        self.damaged = False
        self.ended = False
        self._whole = len(page) > 0  # nothing follows
        if page:
            self.feed(page)

    def feed(self, data):
        self._page.extend(data)
        if self.number is None and len(self._page) >= PAGE_HEAD:
            self._begin()

    def _begin(self):
        found = page_head(self._page, self._journal)
        if found is None:
            self.damaged = True
            return
        self.number, self.seq, sample, self.boot, kind = found
        if kind == PAGE_KIND_1:
            from .unpack1 import Unpacker1

            self._old = Unpacker1(self._page, self.number, self.seq, sample)
            return
        self._model = Model(kind != PAGE_KIND_2)
        self._model.begin(sample)
        least = LEAST_CRC_2 if kind == PAGE_KIND_2 else LEAST_CRC
        self._coder = Decoder(self._page, self._model.states, least)
        self._count = 0

    def __len__(self):
        return len(self._page)

    def rest(self):
        """How many bytes behind the last good chunk are written, for a whole page; of format 1
        all of it or nothing."""
        if self._old is not None:
            return PAGE if self.damaged else 0
        end = min(len(self._page), PAGE)
        while end > self._at and self._page[end - 1] == 0xFF:
            end -= 1
        return max(0, end - self._at)

    def records(self, above=-1):
        """(seq, type, body) of every record in the chunks that are complete and not yet read,
        if its seq is larger than `above`."""
        found = []
        self._above = above
        if self._old is not None:
            found = self._old.records()
            self.seq, self.damaged, self.ended = (
                self._old.seq, self._old.damaged, self._old.ended,
            )  # fmt: skip
            return found
        while self.number is not None and not self.damaged and not self.ended:
            if self._at >= PAGE or self._at < len(self._page) and self._page[self._at] == 0xFF:
                self.ended = True
            elif self._at >= len(self._page) or not self._chunk(found):
                break
        return found

    def _chunk(self, found):
        """Reads a chunk into `found`; False when it is not complete, or not one."""
        model, coder = self._model, self._coder
        before = None if self._whole else model.copy()
        seq, count, have = self.seq, self._count, len(found)
        try:
            coder.begin(self._at, min(len(self._page), PAGE))
            while True:
                item = model.item(coder, 0)
                if item == END:
                    break
                self._count += 1
                if self._count > MOST_RECORDS or self._count - count > MOST_IN_CHUNK:
                    raise Damaged
                self._item(item, found)
            self._at = coder.finish(self.number)
            return True
        except (Damaged, Unfinished):
            # The decoder looks three bytes ahead: what it said when these were not there yet
            # means nothing.
            here = len(self._page)
            self.damaged = self._whole or coder.at + 3 <= here or here >= PAGE
        del found[have:]
        self.seq, self._count = seq, count
        if not self.damaged:
            model.become(before)
        return False

    def _item(self, item, found):
        model, coder = self._model, self._coder
        if item == BEAT:
            beat = model.beat(coder, 0, 0, 0, 0, 0, 0)
            kind = BEAT_KIND
            if self.seq <= self._above:
                self.seq = self.seq + 1 & U32
                return
            sample, rr, code, width, confidence, flags = beat
            body = pack("<IHHBBB", sample, rr, amplitude_value(code), width, confidence * 10,
                        flags)  # fmt: skip
        else:
            kind, data = model.other(coder, 0, None, 0)
            body = bytes(data)
            if kind == SKIP and len(body) == 4:
                self.seq = int.from_bytes(body, "little")
                return
            if kind == BEAT_KIND and len(body) == BEAT_SIZE:
                model.seen(int.from_bytes(body[:4], "little"))
        if self.seq > self._above:
            found.append((self.seq, kind, body))
        self.seq = self.seq + 1 & U32
