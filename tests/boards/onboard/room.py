"""Fills a board's whole file system as years of use would, with images of the largest size.

Argument JSON: flash, flash_size, slots, slot_size, journal_kib, reserve (None: the firmware's),
strips (it keeps ECG, too), lent (it has the second image's room between updates), loader, fences
(False: flash that is programmed once only). Prints what there was room for.
"""

import json
import os
import sys

import flash
import flashed
from monitor import lending, settings, slots, update
from monitor.ecgflash import EcgFlash
from monitor.ecgplace import own_blocks
from monitor.journal import Journal
from monitor.link.pack import Packer
from monitor.media import PartMedia, open_media
from monitor.ring import PAGE_UNITS, UNITS
from monitor.updating import take_back

ROOT = flashed.ROOT
told = flashed.arguments()


class Counting(flash.FlashDevice):
    """Counts what is read, in bytes."""

    count = 0

    def readblocks(self, number, buf, offset=0):
        Counting.count += len(buf)
        return super().readblocks(number, buf, offset)


class Board:
    """As boards/*/board.py tell it."""

    ROOT = ROOT
    SECOND_SLOT_LENT = told["lent"]
    JOURNAL_KIB = told["journal_kib"]
    STRIPS = told["strips"]

    def journal_device(self):
        return ROOT + "/journal"

    def flash_device(self):
        return Counting(nor, 0, nor.size) if told["fences"] else None


if told["reserve"] is not None:
    Board.JOURNAL_RESERVE = told["reserve"]


def free():
    """KiB by the file system's own count: folders twice, so that a full one has less than none."""
    fs = os.statvfs(ROOT)
    return fs[0] * (fs[3] if fs[3] <= fs[2] else fs[3] - (1 << 32)) // 1024


def free_in_truth():
    """KiB that can be written."""
    size = 0
    try:
        with open(ROOT + "/last", "wb") as f:
            while True:
                size += f.write(bytes(1024))
    except OSError:
        pass
    os.remove(ROOT + "/last")
    return size // 1024


def image(first):
    """Bytes of an image of the largest size, some of them its own."""
    return bytes([first]) * 4096


def over_the_air(number):
    """One update; returns begin's answer, and KiB left free at its narrowest."""
    up = update.Update(ROOT, flashed.Info("desk", "1.0.0"), lender)
    size = told["slot_size"]
    status, _ = up.begin(size, bytes([number]) * 32, bytes(64))
    least = twice + free()
    at = 0
    while status == update.OK and at < size:
        status, at = up.write(at, image(number)[: min(4096, size - at)])
        least = min(least, twice + free())
    if status == update.OK:
        spare = both.spare()
        os.rename(ROOT + "/slots/update.part", both.path(spare))
        both.try_next(spare)
        os.remove(ROOT + "/slots/update.head")
        sys.path[:] = [slots.PLACE + spare] + [p for p in sys.path if p[:-1] != slots.PLACE]
        assert both.confirm()
    if lender is not None:
        take_back(ROOT, media, False)
        while media.grow():
            pass
    return status, least


def parts(media):
    """The media as the monitor divides it: settings, records, ECG."""
    first = settings.BLOCKS
    last = media.blocks - own_blocks(Board(), media)
    rest = PartMedia(media, last, media.blocks - last)
    return PartMedia(media, 0, first), PartMedia(media, first, last - first), rest


def boot(media):
    """What a boot looks for: settings, records, ECG."""
    first, middle, last = parts(media)
    kept = settings.Settings(first)
    journal = Journal(middle, lambda: 77)
    journal.mount()
    return kept, journal, EcgFlash(last, 77) if last.blocks else None


def wear(media):
    """Fills the media as a long life does; the last number of a record."""
    _, middle, _ = parts(media)
    kept, journal, ecg = boot(media)
    kept.set(settings.SESSION, 1)
    page = journal.page
    packer = Packer(page, journal.journal)
    ring = journal.ring
    body = bytes(40)
    seq = journal.next_seq
    for block in range(middle.blocks):
        number = (middle.blocks + block) * UNITS
        assert ring.prepare(number, seq)
        for at in range(number, number + UNITS, PAGE_UNITS):
            packer.open_page(at, seq, 0, 1, ring.size(at))
            packer.add(20, body, 40)
            assert ring.program(at, page, *((0, packer.close_chunk()[1])))
            seq += 1
    block = bytearray(4040)
    for _ in range(ecg.blocks + 2 if ecg else 0):
        ecg.erase_next()
        assert ecg.append(block, 4000)
    return seq - 1


nor = flash.Nor(told["flash"], told["flash_size"])
flashed.attach(nor, flash, Counting)
both = slots.Slots(ROOT)
said = {"empty": free()}
flashed.write_file(ROOT + "/slots/update.key", bytes(32))
if told["slots"]:
    with open(told["loader"], "rb") as f:
        flashed.write_file(ROOT + "/main.py", f.read())
    flashed.write_file(ROOT + "/slots/state", b"a - 0 -\n")
    with open(ROOT + "/slots/a.img", "wb") as f:
        for at in range(0, told["slot_size"], 4096):
            f.write(image(1)[: min(4096, told["slot_size"] - at)])
    sys.path.insert(0, slots.PLACE + "a")
media, problem = open_media(Board())
said["journal"] = media.blocks * 4
said["problem"] = str(problem) if problem else None
while media.grow():
    pass
if not told["fences"]:
    for i in range(media.blocks):
        media.erase(i)
lender = None
if told["lent"]:
    # A ring that is full of records that a host has.
    acknowledged = Journal(PartMedia(media, 2, media.blocks - 2), lambda: 77)
    for i in range(media.blocks - 2):
        acknowledged.ring.first[i] = 1000 * i + 1
    acknowledged.ring.acked = acknowledged.next_seq = 1 << 24
    lender = lending.Lender(media, 2, acknowledged, ROOT)
# Other things that lie there: keys, calibration, the last crash, a file of the on-target tests.
for name, size in (
    ("pairing", 38),
    ("calibration.json", 400),
    ("serial", 12),
    ("slots/crash.txt", 3000),
    ("slots/crash.txt.new", 3000),
):
    flashed.write_file(ROOT + "/" + name, bytes(size))
said["free"] = free_in_truth()
twice = said["free"] - free()
said["updates"] = [over_the_air(n) for n in range(2, 5)] if told["slots"] == 2 else []
last_seq = wear(media)
Counting.count = 0
flashed.attach(nor, flash, Counting)
media, problem = open_media(Board())
_, found, _ = boot(media)
said["read_kib"] = Counting.count // 1024
said["kept"] = found.flushed_seq == last_seq and found.first_seq <= 4 * UNITS
said["again"] = media.blocks * 4 if not problem else str(problem)
said["made"] = 0 if not told["fences"] else sum(1 for p in media._place if p < 0)
said["complaints"] = nor.complaints
print(json.dumps(said))
