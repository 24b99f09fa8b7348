# ruff: noqa: E402, UP031, I001, RUF100, E501
# Runs in MicroPython: a later firmware would give ECG more of the flash, or less. The journal keeps
# the part that it was begun with, for its records are found in a ring of that size only.
#
#   micropython division_check.py FIRMWARE BOARDS_VIRTUAL -> journals, records, cuts
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import ecgplace, settings as s
from monitor.journal import Journal
from monitor.link import wire
from monitor.media import BlockMedia, PartMedia
from reading import kept

BLOCKS, NOTE = 96, bytes(range(60))


class Board:
    def __init__(self, ecg_kib):
        self.ECG_KIB = ecg_kib


def boot(nor, board):
    media = BlockMedia(FlashDevice(nor, 0, nor.size))
    settings = s.Settings(PartMedia(media, 0, s.BLOCKS))
    room = ecgplace.record_blocks(board, media, settings)
    journal = Journal(PartMedia(media, s.BLOCKS, room), lambda: 77)
    journal.mount()
    return room, journal


count = journals = 0
for wanted, first, later in ((36, Board(232), Board(100)), (44, Board(200), Board(240))):
    nor = RamNor(BLOCKS * 4096)
    room, journal = boot(nor, first)
    assert room == wanted
    while journal.first_seq < 200:  # round the ring, and on
        journal.append(wire.NOTE, NOTE[journal.next_seq % 7 :], 60 - journal.next_seq % 7)
    journal.flush()
    before, last = kept(journal), journal.boot
    assert min(before) == journal.first_seq
    assert max(before) == journal.flushed_seq
    for board in (later, first, later):
        room, journal = boot(nor, board)
        # A boot opens a page, and erases the block behind: the oldest records may go for it.
        assert room == wanted
        assert journal.first_seq - min(before) < 300
        there = {seq: before[seq] for seq in before if seq >= journal.first_seq}
        assert kept(journal) == there
        last += 1
        assert journal.boot == last
        journal.append(wire.NOTE, NOTE, 60)
        journal.flush()
        before = kept(journal)
    count += len(before)
    journals += 1

# The power goes while it is divided: the next boot does it.
cuts = 0
while True:
    nor = RamNor(BLOCKS * 4096)
    nor.cut_after(1 + cuts)
    try:
        boot(nor, Board(232))
        break
    except PowerCut:
        cuts += 1
        nor = nor.copy()
    assert boot(nor, Board(232))[0] == boot(nor, Board(100))[0] == 36
print(journals, count, cuts)
