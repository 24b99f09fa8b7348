# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023, RUF005
# Runs in MicroPython: what is kept of the ECG, when blocks are erased for it, and what the records
# say of it, also when the power goes in the middle of a strip.
#
#   micropython strips_check.py FIRMWARE BOARDS_VIRTUAL RATE -> lines "name number ..."
import sys

here = sys.argv[0].rsplit("/", 1)[0]
sys.path[:0] = [sys.argv[1], sys.argv[2], here, here + "/../journal"]

from array import array

from flash import RamNor
from models.flash import FlashDevice
from monitor import settings as s
from monitor.ecgflash import EcgFlash
from monitor.ecgring import EcgRing
from monitor.link import ecg, wire
from monitor.media import BlockMedia
from monitor.strips import Strips

RATE = int(sys.argv[3])
BLOCKS = 40


class Sampler:
    running = True


class Acquisition:
    watching = True

    def __init__(self):
        self.sampler = Sampler()


class App:
    def __init__(self):
        self.settings = s.Settings()
        self.settings.set(s.RATE, RATE)
        self.acquisition = Acquisition()
        self.records = []

    def steady(self, now):
        return True

    def record_at(self, sample, kind, *values):
        self.records.append((kind, sample) + values)

    def record(self, kind, *values):
        self.record_at(0, kind, *values)


class Life:
    """The firmware's part that keeps ECG, from one boot on."""

    def __init__(self, nor, whole, boot):
        self.nor, self.boot = nor, boot
        self.app = App()
        self.ring = EcgRing(24576, max(64, RATE // 2))
        self.flash = EcgFlash(BlockMedia(FlashDevice(nor, 0, nor.size)), 7)
        self.strips = Strips(self.flash, self.ring, self.app, True, whole)
        self.strips.tell_cut()
        self.sample = 0
        self.codes = array("i", bytes(4 * 8))
        self.level = 0

    def wear(self, seconds):
        for _ in range(seconds * RATE // 8):
            for i in range(8):
                self.level = (self.level * 1103515245 + 12345) & 0x7FFFFFFF
                beat = 9000 if (self.sample + i) % RATE < RATE // 25 else 0
                self.codes[i] = 100000 + beat + (self.level >> 16) % 200
            self.ring.add(self.boot, 0, self.sample, self.codes, 8)
            self.sample += 8
            self.strips.step()

    def told(self):
        return [r for r in self.app.records if r[0] == wire.STRIP]


def holds(flash, first, blocks, samples):
    """The blocks of a STRIP record are there, follow each other, and are as long as it says."""
    total, expected = 0, None
    for number in range(first, first + blocks):
        data = bytearray(flash.size(number))
        flash.read(number, 0, data)
        _, _, _, begins, count, _ = ecg.head(data)
        assert expected is None or begins == expected, (begins, expected)
        expected = begins + count
        total += count
    assert total == samples, (total, samples)


# A strip, whole: no erase while it is made, and the records say what there is.
nor = RamNor(BLOCKS * 4096, 1)
life = Life(nor, False, 1)
boot_erases = nor.erases
life.wear(60)
life.strips.trigger(life.sample, wire.EVENT_BUTTON)
life.wear(60)
first, last = life.told()
assert first[5] == last[5] and first[2] < last[2]
holds(life.flash, last[5], last[6], last[2])
assert nor.erases == boot_erases
print("whole_strip", last[2] // RATE, last[6])

# While no heart is to be seen, all that nobody needs is erased: the next strips cost no sample.
import monitor.strips as module

module._UNSEEN_EVERY_MS = 0
fresh = RamNor(BLOCKS * 4096, 3)
life2 = Life(fresh, False, 1)
life2.app.acquisition.watching = False
while life2.strips.step():
    pass
assert life2.flash.erased == BLOCKS - 1
life2.app.acquisition.watching = True
before = fresh.erases
for _ in range(2):
    life2.strips.trigger(life2.sample, wire.EVENT_BUTTON)
    life2.wear(60)
assert fresh.erases == before

# The power goes in the second half: the next boot says how much there is, and that is true.
life.strips.trigger(life.sample, wire.EVENT_FAST)
life.wear(20)
assert life.strips.active
before = life.told()[-1]
again = Life(nor, False, 2)
(cut,) = again.told()
assert (cut[3], cut[4], cut[5]) == (before[3], wire.EVENT_FAST, before[5])
assert cut[2] >= before[2]
holds(again.flash, cut[5], cut[6], cut[2])
assert not Life(nor, False, 3).told()  # told once
print("cut_strip", cut[2] // RATE, cut[6])

# Whole ECG where erasing costs samples: nothing is erased meanwhile, and a strip has room.
nor = RamNor(BLOCKS * 4096, 2)
life = Life(nor, True, 1)
life.app.acquisition.sampler.running = False  # a charger: erased ahead, all of it
while life.flash.erased < BLOCKS - 1:
    life.strips.step()
life.app.acquisition.sampler.running = True
life.app.settings.set(s.SESSION, 5)
boot_erases = nor.erases
life.wear(BLOCKS * 4096 // RATE)
assert nor.erases == boot_erases
assert life.strips.lost and [r for r in life.app.records if r[0] == wire.NOTE]
kept = life.flash.next - life.flash.first
life.strips.trigger(life.sample, wire.EVENT_PAUSE)
life.wear(60)
assert nor.erases == boot_erases
last = life.told()[-1]
holds(life.flash, last[5], last[6], last[2])
print("whole_ecg", kept, last[2] // RATE)
assert not nor.complaints
