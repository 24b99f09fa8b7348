# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: a journal with damaged flash, with another format, with blocks that fail.
import sys
from struct import pack as pack_beat

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

from flash import RamNor
from models.flash import FlashDevice
from monitor.journal import Journal
from monitor.link import pack, wire
from monitor.link.pack import PAGE_HEAD
from monitor.media import BlockMedia
from reading import kept

BLOCKS = 6
state = 12345


def rnd(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n


def open_journal(nor):
    return Journal(BlockMedia(FlashDevice(nor, 0, nor.size)), lambda: 4711)


def fill(journal, count):
    for _ in range(count):
        seq = journal.append(20, b"%08d" % journal.next_seq, 8)
        assert journal.append
        if seq % 9 == 0:
            journal.flush()
    journal.flush()


def read(journal):
    found = {seq: body for seq, (kind, body) in kept(journal).items() if kind == 20}
    for seq in found:
        assert int(found[seq]) in (seq, seq - 1), (seq, found[seq])
    return found


base = RamNor(BLOCKS * 4096)
journal = open_journal(base)
journal.mount()
journal.acknowledge(0)
fill(journal, 2600)
highest = journal.next_seq - 1
whole = read(journal)
assert len(whole) > 1500

# Bit rot: one bit, a few bytes, a page, a block.
rotten = left = 0
for turn in range(int(sys.argv[3])):
    nor = base.copy()
    how, at = rnd(4), rnd(nor.size)
    if how == 0:
        nor.data[at] ^= 1 << rnd(8)
        touched = 1
    elif how == 1:
        for i in range(at, min(at + 20, nor.size)):
            nor.data[i] = rnd(256)
        touched = 2
    else:
        size = 256 if how == 2 else 4096
        for i in range(at // size * size, at // size * size + size):
            nor.data[i] = rnd(256)
        touched = 1 if how == 2 else 4
    rotten += 1
    journal = open_journal(nor)
    journal.mount()
    assert journal.next_seq > highest, (how, at, journal.next_seq, highest)
    found = read(journal)
    for seq in found:
        assert seq in whole and found[seq] == whole[seq]
    # a page holds at most 95 of these records; the boot may erase two blocks of four pages each
    assert len(whole) - len(found) <= 95 * (touched + 8), (how, len(whole), len(found))
    left += len(found)
    fill(journal, 40)
    assert max(read(journal)) == journal.flushed_seq

# Rot in the newest page, which holds hundreds of beats: what lies behind it had numbers, too.
dense = RamNor(BLOCKS * 4096)
journal = open_journal(dense)
journal.mount()
sample = 0
most = 0
for turn in range(90):
    for i in range(10):
        rr = 190 + rnd(3)
        sample += rr
        journal.append(
            wire.BEAT, pack_beat("<IHHBBB", sample, rr, 1000 + rnd(9) * 8, 20, 90, 0), 11
        )
    journal.flush()
    if turn % 6:
        continue
    page = journal.number % journal.ring.slots
    used = journal.length
    for how in range(4):
        nor = dense.copy()
        device = FlashDevice(nor, 0, nor.size)
        at = page * 256 + PAGE_HEAD + rnd(max(1, used - PAGE_HEAD))
        assert nor.data[page * 256] != 0xFF
        if how:
            nor.data[at] ^= 1 << rnd(8)
        else:
            nor.data[at] = 0xFF
        again = open_journal(nor)
        first, count = again.mount()
        assert again.next_seq >= journal.next_seq, (turn, at, again.next_seq, journal.next_seq)
        most = max(most, journal.next_seq - first)
assert most > 200  # so many of them could not be read, once

# A journal of another format: its pages can't be read, its numbers are never used again.
for other in (0, 4, 200):
    nor = base.copy()
    for block in range(BLOCKS):
        head = nor.data[block * 4096 : block * 4096 + 32]
        if head[0] | head[1] << 8 != 0x4C48:
            continue
        head[2] = other
        crc = pack.crc_hqx(head[:30], 0xFFFF)
        head[30], head[31] = crc & 255, crc >> 8
        nor.data[block * 4096 : block * 4096 + 32] = head
        for page in range(16):
            at = block * 4096 + (page * 256 or 32)
            if page % 4 == 0 and nor.data[at] == pack.PAGE_KIND:
                nor.data[at] = 0xB0
    journal = open_journal(nor)
    journal.mount()
    assert journal.next_seq > highest and journal.journal == 4711
    fill(journal, 300)
    again = open_journal(nor)
    again.mount()
    assert again.next_seq > journal.next_seq - 1 and again.boot == 2
    assert max(read(again)) == journal.next_seq - 1

# Garbage all over, zeros all over: a new journal, at once.
for value in (None, 0):
    nor = RamNor(BLOCKS * 4096)
    for i in range(nor.size):
        nor.data[i] = rnd(256) if value is None else value
    journal = open_journal(nor)
    journal.mount()
    assert journal.journal == 4711
    fill(journal, 100)
    assert len(read(journal)) == 100

# A block that can't be erased is left out; all blocks bad: on in RAM, without an exception.
for bad in ({2}, {0, 1}, set(range(BLOCKS))):
    nor = RamNor(BLOCKS * 4096)
    device = FlashDevice(nor, 0, nor.size)

    class Broken(BlockMedia):
        def erase(self, block):
            if block in bad:
                raise OSError(5)
            super().erase(block)

        def program(self, block, page, image):
            if block in bad:
                raise OSError(5)
            super().program(block, page, image)

    journal = Journal(Broken(device), lambda: 4711)
    journal.mount()
    fill(journal, 1500)
    if len(bad) < BLOCKS:
        found = read(journal)
        assert journal.ring.bad and len(found) > 200 and max(found) == journal.next_seq - 1
        seqs = sorted(found)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) or journal.losses.count
    else:
        assert journal.lost_pages and journal.next_seq > 1500

print(rotten, left // rotten, len(whole))
