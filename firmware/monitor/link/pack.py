"""Packed records: a byte and a half a beat, in flash and on the air alike.

    packer = Packer(page_buffer)                 # a bytearray(PAGE)
    packer.open_page(number, seq, sample, boot)
    packer.add(wire.BEAT, body, 11)              # False: no room left, close and take a new page
    start, end = packer.close_chunk()            # bytes of the page that are now final

    page = Unpacker(bytes_of_the_page)           # unpack.py; may be fed a page that still grows
    for seq, kind, body in page.records(): ...

Page (1024 bytes; the first of a flash block 992): header, chunks, then 0xFF (never written). It
stands alone: no page is needed to read another, so a damaged one costs only what was in it. Its
number counts units of 256 bytes; the pages of a block have n, n + 4, n + 8 and n + 12.

  header   u8 0xB3 (format 3) | u24 page number | u32 seq of the first record | u32 sample of the
           last beat before | u16 boot | u16 crc of the 14 bytes before, begun with the journal's
           number: a page of an earlier life of the flash is not taken for one of this
  chunk    what one flush wrote: items, arithmetically coded (coder.py) in the contexts of what
           the page has brought so far (model.py), the last of them END; 14 to 21 bits of a CRC-32
           over all of it, begun with the page number; ends with a byte. Never begins with 0xFF.

  items    BEAT   against what is expected of it: all of the body's fields, losslessly
           OTHER  five bits type, eight bits length, body. A beat whose body is not as the model
                  has it (RR is not the distance to the beat before, ...) goes like this, too.
                  Type 30: u32, the next record has this seq (numbers between were never kept)
           END    of the chunk

Format 2 (0xB2) had three bits of checksum less. Format 1 (0xB1; pages of 256 bytes) is read by
unpack1.py. Neither is written any more.
"""

try:
    from binascii import crc_hqx
except ImportError:
    from .crc import crc_hqx

from struct import unpack_from

from .amplitude import amplitude_code
from .coder import Encoder
from .model import AFTER_GAP, BEAT, END, OTHER, U32, Model

UNIT = 256  # what page numbers count
PAGE = 1024
PAGE_HEAD = 16
PAGE_KIND, PAGE_KIND_2, PAGE_KIND_1 = 0xB3, 0xB2, 0xB1
SEALED = 0x40  # set in the kind of a page that vault.py has sealed
SKIP = 30
BEAT_KIND, BEAT_SIZE = 1, 11  # as in wire.py
MOST_RECORDS = 2048  # in a page, however small they are
MOST_IN_CHUNK = 255
_SPARE = 2  # bytes that the END of a chunk may take


def head_seed(journal):
    """What the checksum of a page header begins with."""
    return (journal ^ journal >> 16) & 0xFFFF


def head_crc(page, journal):
    """Checksum of a page's header; a sealed one's goes over the four bytes behind it, too."""
    crc = crc_hqx(bytes(page[:14]), head_seed(journal))
    if page[0] & SEALED:
        crc = crc_hqx(bytes(page[PAGE_HEAD : PAGE_HEAD + 4]), crc)
    return crc


def page_head(page, journal=0):
    """(page number, seq, sample, boot, kind) of a page of this journal, or None when it is not
    one. Pages of older formats have the same header, with another kind; sealed ones too."""
    if len(page) < PAGE_HEAD or page[0] & ~SEALED not in (PAGE_KIND, PAGE_KIND_2, PAGE_KIND_1):
        return None
    if head_crc(page, journal) != page[14] | page[15] << 8:
        return None
    seq, sample, boot = unpack_from("<IIH", page, 4)
    return page[1] | page[2] << 8 | page[3] << 16, seq, sample, boot, page[0] & ~SEALED


class Packer:
    """Writes records into a page that the caller owns; `count`: records in the open chunk."""

    def __init__(self, page, journal=0):
        self.page = page
        self.journal = journal
        self.count = 0
        self._model = Model()
        self._coder = Encoder(page, self._model.states)

    def open_page(self, number, seq, sample, boot, limit=PAGE):
        """Begins a page of which `limit` bytes may be used."""
        page = self.page
        self._coder.limit = limit
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
        self._seed = number
        self._records = 0
        self._model.begin(sample)
        self._open_chunk(PAGE_HEAD)

    def _open_chunk(self, start):
        self.count = 0
        self._coder.begin(start)

    def add(self, kind, body, size):
        """Adds a record to the open chunk; False when the page has no room for it."""
        if self._records >= MOST_RECORDS or self.count >= MOST_IN_CHUNK:
            return False
        self._model.save()
        self._coder.save()
        if not (kind == BEAT_KIND and size == BEAT_SIZE and self._add_beat(body)):
            self._model.item(self._coder, OTHER)
            self._model.other(self._coder, kind, body, size)
            if kind == BEAT_KIND and size == BEAT_SIZE:
                self._model.seen(unpack_from("<I", body, 0)[0])
        return self._keep()

    def _add_beat(self, body):
        """Codes a beat body; False when it has to go as a plain record."""
        model = self._model
        sample, rr, uv = unpack_from("<IHH", body, 0)
        code = amplitude_code(uv)
        flags, percent = body[10], body[9]
        expected = 0 if flags & AFTER_GAP else sample - model.sample() & U32
        if rr != expected or code < 0 or percent > 150 or percent % 10:
            return False
        model.item(self._coder, BEAT)
        model.beat(self._coder, sample, rr, code, body[8], percent // 10, flags)
        return True

    def skip(self, seq):
        """The next record has this seq."""
        self._model.save()
        self._coder.save()
        self._model.item(self._coder, OTHER)
        self._model.other(self._coder, SKIP, seq.to_bytes(4, "little"), 4)
        return self._keep()

    def _keep(self):
        if self._coder.room() >= _SPARE:
            self.count += 1
            self._records += 1
            return True
        self._model.restore()
        self._coder.restore()
        return False

    def close_chunk(self):
        """Seals the open chunk; (start, end) of its bytes, equal when there was nothing in it."""
        coder = self._coder
        start = coder.start
        if not self.count:
            return start, start
        self._model.item(coder, END)
        end = coder.finish(self._seed)
        self._open_chunk(end)
        return start, end

    @property
    def full(self):
        """No room for another chunk with a beat in it."""
        return self._coder.room() < 6
