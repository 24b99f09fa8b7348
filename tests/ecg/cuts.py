# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: a ring of ECG lives through several turns, on flash or on a card, and at
# every single program, erase or write the power is cut on a copy. On the copy the firmware boots,
# and everything that was promised is checked; then it goes on a little, and is cut again.
#
#   micropython cuts.py FIRMWARE BOARDS_VIRTUAL KIND SEED BLOCKS COUNT -> one line of figures
import sys

here = sys.argv[0].rsplit("/", 1)[0]
sys.path[:0] = [sys.argv[1], sys.argv[2], here, here + "/../journal"]

from struct import pack_into

from card import RamCard
from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor.card import CardMedia
from monitor.ecgflash import EcgFlash
from monitor.link import ecg
from monitor.media import BlockMedia

KIND, seed, BLOCKS, COUNT = sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
JOURNAL = 0x5EED0000 + seed
state = seed * 7919 + 1


def rnd(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n


def open_ring(chip):
    media = CardMedia(chip) if KIND == "card" else BlockMedia(FlashDevice(chip, 0, chip.size))
    media.anonymous = KIND == "fenced"
    return EcgFlash(media, JOURNAL)


def block(sample):
    """A good ECG block of any size, in a bytearray with 32 more."""
    n = rnd(300) + 1 if rnd(20) else rnd(500) + 500
    data = bytearray(n + 48)
    pack_into(ecg.FORMAT, data, 0, 0x13, 1, 7, sample, 1 + n // 3, rnd(1 << 20))
    for i in range(14, 14 + n):
        data[i] = rnd(256)
    crc = ecg.crc_hqx(bytes(data[: 14 + n]), 0xFFFF)
    data[14 + n], data[15 + n] = crc & 255, crc >> 8
    return data, n + 16


def good(data):
    return len(data) > 16 and ecg.crc_hqx(data[:-2], 0xFFFF) == data[-2] | data[-1] << 8


def get(ring, number):
    out = bytearray(ring.size(number))
    assert ring.read(number, 0, out) == len(out)
    if len(out) > 20:  # and in two goes
        part = bytearray(len(out) - 7)
        assert ring.read(number, 7, part) == len(part) and part == out[7:]
    return bytes(out)


class Life:
    """One ring that is written, and what it was given."""

    def __init__(self, ring, truth, ends, floor):
        self.ring = ring
        self.truth = dict(truth)
        self.ends = list(ends)  # (number, turn, place behind it)
        self.floor = floor
        self.safe = floor
        self.given = 0

    def programmed(self):
        """The highest number whose bytes are all programmed, between two operations."""
        ring = self.ring
        done = ring._at - ring._at % ring._page_size
        for number, turn, end in self.ends[::-1]:
            if turn < ring.turn or end <= done:
                return number
        return self.floor

    def work(self):
        ring = self.ring
        what = rnd(40)
        if what == 0:
            ring.flush()
        elif what == 1:
            ring.mark(rnd(5), rnd(60000), ring.next)
        elif what == 2:
            ring.acknowledge(max(0, ring.next - 1 - rnd(40)))
        if not ring.erased and not ring.fits(1100):
            ring.erase_next()
        data, size = block(len(self.truth))
        number = ring.next
        before = bytes(data[:size])
        self.truth[number] = before  # it may be cut inside
        got = ring.append(data, size)
        assert got == number, (got, number)
        self.ends.append((number, ring.turn, ring._at))
        if len(self.ends) > 60:
            del self.ends[0]
        self.safe = self.programmed()
        self.given = number
        return number


def check(life, chip, first):
    """Boots on `chip`: what was programmed is there and right, no number comes twice."""
    global checked
    ring = open_ring(chip)
    safe, highest = life.safe, life.given
    assert ring.next > highest, "next %d, but %d was given" % (ring.next, highest)
    found, number = {}, ring.find(0)
    while number < ring.next:
        data = get(ring, number)
        if good(data):  # what a cut left half written is not
            assert life.truth.get(number) == data, "block %d differs" % number
            found[number] = 1
            checked += 1
        following = ring.find(number + 1)
        assert following > number
        number = following
    low = max(ring.first, first)
    for number in life.truth:
        if low <= number <= safe:
            assert number in found, "block %d of %d..%d is lost" % (number, low, safe)
    return ring, found, safe


cuts = again = checked = 0


def cut(*where):
    """Called before each operation of the real run: the power goes in a copy."""
    global cuts, again, busy
    if busy:
        return
    busy = True
    cuts += 1
    copy = chip.copy()
    copy.cut_after(1)
    try:
        if KIND == "card":
            copy._write(where[1], where[2])
        elif where[1] == "erase":
            copy.erase(where[2])
        else:
            copy.program(where[2], where[3])
        raise AssertionError("no cut")
    except PowerCut:
        copy.dead = False
    # the block that is being erased goes, as it would have gone
    first = life.ring.first
    ring, found, safe = check(life, copy, first)
    if rnd(3) == 0:
        other = Life(ring, {n: life.truth[n] for n in found}, [], safe)
        copy.cut_after(1 + rnd(30))
        try:
            for _ in range(30):
                other.work()
        except PowerCut:
            again += 1
        copy.dead = False
        copy.cut_after(None)
        check(other, copy, ring.first)
    busy = False


busy = False
chip = RamCard(None, BLOCKS * 4096, seed=seed) if KIND == "card" else RamNor(BLOCKS * 4096, seed)
life = Life(open_ring(chip), {}, [], 0)
chip.before = cut
for i in range(COUNT):
    life.work()
    if rnd(150) == 0:  # everything is erased, and the power may go in any of its steps
        last = life.ring.next - 1
        life.ring.forget()
        life.truth = {n: life.truth[n] for n in life.truth if n > last}
        life.ends, life.floor, life.safe = [], last, last
        while life.ring.wipe():
            pass
        assert life.ring.find(0) == life.ring.next
chip.before = None
ring, found, safe = check(life, chip, 0)
if KIND != "card":
    assert not chip.complaints, chip.complaints
    wear = max(chip.wear), min(chip.wear)
else:
    wear = 0, 0
print(cuts, again, checked, ring.dropped, *wear)
