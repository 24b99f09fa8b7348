# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: what an owner before left on a card is overwritten in the background, with
# the power going in every write of it, while a new owner's ring lives on the same card, and when
# the card is pulled out.
#
#   micropython wipe_check.py FIRMWARE BOARDS_VIRTUAL -> cuts, blocks that a boot read again at most
import sys

here = sys.argv[0].rsplit("/", 1)[0]
sys.path[:0] = [sys.argv[1], sys.argv[2], here, here + "/../journal"]

from card import RamCard
from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import cardwipe
from monitor import settings as s
from monitor.card import CardMedia
from monitor.ecgflash import EcgFlash
from monitor.media import BlockMedia, PartMedia

BLOCKS = 160  # more than parts, and not a multiple of them
OLD = b"SOMEBODY'S HEART"


class Strips:
    def __init__(self, flash):
        self.flash = flash


def boot(nor, card, journal):
    settings = s.Settings(PartMedia(BlockMedia(FlashDevice(nor, 0, nor.size)), 0, s.BLOCKS))
    ring = EcgFlash(CardMedia(card), journal)
    return settings, ring, cardwipe.start(settings, Strips(ring), 0)


def left(card):
    """Blocks of the card that still hold something of the first owner's."""
    return [b for b in range(BLOCKS) if OLD in card.data[b * 4096 : b * 4096 + 4096]]


def filled(sizes):
    """A wiped monitor with an old owner's card."""
    nor, card = RamNor(8192, 5), RamCard(None, BLOCKS * 4096, seed=3)
    old = EcgFlash(CardMedia(card), 0x01D)
    while not old.erased:
        old.erase_next()
    for i in range(sizes):
        while not old.append(bytearray(OLD * 20 + bytes(32)), 320):
            old.erase_next()
    old.flush()
    # As erases leave it that power cuts broke off: no header, but data; and zeros, never written.
    card.data[5 * 4096 : 5 * 4096 + 1024] = b"\xff" * 1024
    settings = s.Settings(PartMedia(BlockMedia(FlashDevice(nor, 0, nor.size)), 0, s.BLOCKS))
    settings.set(s.WIPING, 1)
    settings.reset()
    settings.set(s.WIPING, 0)
    assert settings.get(s.CARD_WIPE) == 1
    return nor, card


nor, card = filled(300)
used = len(left(card))
assert 20 < used < 40

# The power goes in every write of it, on and on: each boot goes on where the last one was.
cuts, most = 0, 0
after = 1
while True:
    settings, ring, wiper = boot(nor, card, 0x2E3)
    if wiper is None:
        break
    begun, part = wiper.place, settings.get(s.CARD_WIPE)
    assert begun >= (part - 1) * BLOCKS // 128 and ring.turn < 0
    card.cut_after(after)
    try:
        while wiper.step():
            pass
    except PowerCut:
        cuts += 1
        most = max(most, wiper.place - begun)
        after = after % 23 + 1
        card = card.copy()
        nor = nor.copy()
assert left(card) == []
assert all(byte in (0, 255) for byte in card.data)
assert settings.get(s.CARD_WIPE) == 0

# A new owner's session goes on meanwhile: the wipe waits for its end, and takes nothing of it.
nor, card = filled(300)
settings, ring, wiper = boot(nor, card, 0x2E3)
for _ in range(9):
    assert wiper.step()
settings.set(s.SESSION, 12)
assert not wiper.step() and wiper.place == 9
mine = b"ANOTHER PERSON'S"
numbers = []
for i in range(60):
    number = ring.append(bytearray(mine * 20 + bytes(32)), 320)
    while not number:
        ring.erase_next()
        number = ring.append(bytearray(mine * 20 + bytes(32)), 320)
    numbers.append(number)
ring.flush()
settings.set(s.SESSION, 0)
while wiper.step():
    pass
assert left(card) == [] and settings.get(s.CARD_WIPE) == 0
for number in numbers:
    out = bytearray(320)
    assert ring.read(number, 0, out) == 320 and out == mine * 20
_, again, wiper = boot(nor, card, 0x2E3)
assert wiper is None
assert again.find(numbers[0]) == numbers[0] and again.next > numbers[-1]

# The card is pulled out: it waits for the next boot, and then goes on.
nor, card = filled(300)
settings, ring, wiper = boot(nor, card, 0x2E3)
for _ in range(12):
    wiper.step()
card.fail = 1 << 20
while wiper.step():
    pass
assert 1 <= settings.get(s.CARD_WIPE) <= 12 and left(card)
assert cardwipe.start(settings, None, 5) is None and settings.get(s.CARD_WIPE)
card.fail = 0
settings, ring, wiper = boot(nor, card, 0x2E3)
while wiper.step():
    pass
assert left(card) == [] and settings.get(s.CARD_WIPE) == 0

# A board without one has nothing to do.
settings.set(s.CARD_WIPE, 1)
assert cardwipe.start(settings, None, 0) is None and settings.get(s.CARD_WIPE) == 0
print(cuts, most)
