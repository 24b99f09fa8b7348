"""The journal at rest: pages sealed under a key that moves on, so that older ones stay shut.

    vault = Vault(settings.keys)
    vault.begin(ident, n)               # at mount: key and count of the newest page
    start, end = vault.seal(page, start, end, journal)   # into vault.image, as it goes into flash
    plain = vault.unseal(raw, journal)  # None: under a key that is gone from here

The host that pairs the monitor makes a key J(0) and hands it over by cable, into a raw page of
flash (keyslots.py). From then on

    J(n + 1) = HMAC-SHA256(J(n), "heartlog next")[:16]
    K(n) = HMAC-SHA256(J(n), "heartlog page")[:16]

and pages are encrypted by AES-128-CTR under K(n). The count n rises at every boot and with every
flash block; J(n + 1) is in flash before it is used, and J(n) is overwritten with zeros as soon as
the first bytes under J(n + 1) are. Nothing leads back from J(n + 1) to J(n): whoever opens a lost
monitor reads the block that was being written, some half an hour. The host made J(0) and can
compute every J(n).

A counter block is used once: kind u8 | 0 | boot u16 | journal u32 | number u32 | block u32.
Within a boot the number of a page, or of a block of ECG, never comes again; the next boot has
another key.

A sealed page has bit 6 of its kind set and four bytes more behind its header: u16 key id, u16 n,
in clear. The header's sample index is sealed with the rest, for with the sequence numbers it
would tell the heart rate. The last byte of what is written at a time is never 0xFF (its lowest
bit says nothing, see pack.py): the last byte that is not 0xFF is the end of a page.

There is no MAC: see THREATS.md.
"""

from os import urandom
from struct import pack_into, unpack_from

from .cover import Cover
from .keyslots import KEY
from .link.pack import PAGE, PAGE_HEAD, SEALED, head_crc
from .link.secure import hmac

EXTRA = 4
NO_KEY = 0xFFFF
PAGES, ECG = 1, 2  # kinds of counter blocks
_SAMPLE = 8  # where the header has its sample index
_AHEAD = 64  # so far a key is followed to one that never reached the flash
_LAST = 0xFFFE


def follow(key):
    """J(n + 1) of J(n)."""
    return hmac(key, b"heartlog next")[:KEY]


def _page_key(key):
    """K(n) of J(n)."""
    return hmac(key, b"heartlog page")[:KEY]


def key_id(key):
    """What tells one J(0) from another: 16 bits of its HMAC."""
    ident = hmac(key, b"heartlog key id")
    return ident[0] | ident[1] << 8


class Vault:
    """`cover`: what seals now, None while there is no key. `extra`: bytes more a page."""

    def __init__(self, slots=None):
        self._slots = slots
        self.cover = None
        self.image = None  # of the open page, as in flash
        self._key = None
        self._unused = False  # the key has sealed nothing yet
        self._unsettled = False  # an older key is still in flash

    @property
    def extra(self):
        return EXTRA if self.cover is not None else 0

    @property
    def new(self):
        """Whether the newest key was given since the last boot: the monitor was paired anew."""
        slots = self._slots
        return slots is not None and bool(slots.live) and slots.live[-1].n == 0

    # --- keys ----------------------------------------------------------------------------------
    def adopt(self, key):
        """Takes a key, if there is one, where there is none yet."""
        if key is not None and self._slots is not None and not self._slots.live:
            self._slots.put(key_id(key), 0, key)

    def _find(self, ident, n):
        """The slot that leads to key n, None when it is gone."""
        if self._slots is not None:
            for slot in reversed(self._slots.live):
                if slot.ident == ident and slot.n <= n <= slot.n + _AHEAD:
                    return slot
        return None

    def begin(self, ident=NO_KEY, n=0):
        """After the mount: a new key for this boot; that of the newest page stays until used."""
        if self._slots is None or not self._slots.live:
            return
        last = self._slots.live[-1]
        needed = self._find(ident, n)
        count, key = last.n, last.key
        if ident == last.ident:  # pages may be ahead of what could be kept
            while count < n <= last.n + _AHEAD:
                count, key = count + 1, follow(key)
        self._advance(last.ident, count, key, needed)

    def next_block(self):
        """A new flash block begins: the key moves on, unless it has sealed nothing yet."""
        if self.cover is not None and not self._unused and self._slots.live:
            self._advance(self.cover.ident, self.cover.n, self._key, self._slots.live[-1])

    def _advance(self, ident, n, key, needed):
        if n < _LAST:
            n, key = n + 1, follow(key)
        if self._slots.put(ident, n, key):
            self._slots.keep((needed, self._slots.live[-1]))
        self._key = key
        self.cover = Cover(ident, n, _page_key(key))
        if self.image is None:
            self.image = bytearray(PAGE)
        self._unused = self._unsettled = True

    def settle(self):
        """What was sealed last is in flash: the keys before it go."""
        if self._unsettled:
            self._unsettled = False
            last = self._slots.live[-1]
            if last.place >= 0:  # else only an older one leads to what comes after a boot
                self._slots.keep((last,))

    def wipe(self):
        """Every key is gone, here and in flash; what is still written has one that nobody has."""
        if self._slots is not None:
            self._slots.keep(())
        if self.cover is not None:
            self._key = urandom(KEY)
            self.cover = Cover(NO_KEY, 0, self._key)
        self._unused = True
        self._unsettled = False

    # --- pages ---------------------------------------------------------------------------------
    def seal(self, page, start, end, journal):
        """Bytes start..end of the page into `image`; (start, end) of what is to be written."""
        cover, image = self.cover, self.image
        self._unused = False
        to = end + EXTRA
        image[max(start, PAGE_HEAD) + EXTRA : to] = memoryview(page)[max(start, PAGE_HEAD) : end]
        number, boot = page[1] | page[2] << 8 | page[3] << 16, page[12] | page[13] << 8
        cover.over(PAGES, boot, journal, number, image, max(start, PAGE_HEAD) + EXTRA, to)
        if image[to - 1] == 0xFF:
            image[to - 1] = 0xFE
        if start:
            return start + EXTRA, to
        image[:PAGE_HEAD] = memoryview(page)[:PAGE_HEAD]
        image[0] |= SEALED
        cover.over(PAGES, boot, journal, number, image, _SAMPLE, _SAMPLE + 4)
        pack_into("<HH", image, PAGE_HEAD, cover.ident, cover.n)
        pack_into("<H", image, 14, head_crc(image, journal))
        return 0, to

    def unseal(self, raw, journal):
        """The plain page in the bytes of a sealed one; None without its key."""
        ident, n = unpack_from("<HH", raw, PAGE_HEAD)
        slot = self._find(ident, n)
        if slot is None:
            return None
        key = slot.key
        for _ in range(n - slot.n):
            key = follow(key)
        cover = Cover(ident, n, _page_key(key))
        number, boot = raw[1] | raw[2] << 8 | raw[3] << 16, raw[12] | raw[13] << 8
        end = len(raw)
        while raw[end - 1] == 0xFF:
            end -= 1
        plain = bytearray(raw)
        plain[0] &= ~SEALED
        cover.over(PAGES, boot, journal, number, plain, _SAMPLE, _SAMPLE + 4)
        cover.over(PAGES, boot, journal, number, plain, PAGE_HEAD + EXTRA, end)
        pack_into("<H", plain, 14, head_crc(plain, journal))
        return plain[:PAGE_HEAD] + plain[PAGE_HEAD + EXTRA :]


class BlockSeal:
    """Seals blocks of stored ECG (link/ecg.py), each by its number, which never comes again."""

    def __init__(self, vault, journal):
        self._vault = vault
        self._journal = journal

    @property
    def extra(self):
        """Bytes that a sealed block is longer."""
        return self._vault.extra

    def seal(self, number, data, size):
        """Seals `data[:size]` in place, with 4 bytes more behind; returns the new size.

        The high nibble of the first byte, 1 in clear, becomes 2."""
        cover = self._vault.cover
        if cover is None:
            return size
        data[0] += 0x10
        cover.over(ECG, 0, self._journal, number, data, 1, size)
        pack_into("<HH", data, size, cover.ident, cover.n)
        return size + EXTRA


def give(board, key):
    """Called over the cable: J(0) of a new pairing into flash. True when it is there."""
    from . import media as _media
    from . import settings as _settings

    media, _ = _media.open_media(board)
    if not media.lasting:
        return False
    kept = _settings.Settings(_media.PartMedia(media, 0, _settings.BLOCKS))
    return kept.keys.put(key_id(key), 0, key)
