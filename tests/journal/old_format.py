# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: the flash of a monitor of an older version after an update of its firmware
# (format1.bin, version 0.1.0: 2,893 records, seq 1..2957; format2.bin: 2,050 records, seq 1..2114;
# both four blocks, two boots, of journal 4711).
#
#   micropython old_format.py FIRMWARE BOARDS_VIRTUAL FLASH -> records, first, last, sha256 as words
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

from hashlib import sha256

from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor.journal import MOST_OPEN, Journal
from monitor.link.unpack import Unpacker
from monitor.media import BlockMedia
from reading import kept, pages


def open_journal(nor):
    journal = Journal(BlockMedia(FlashDevice(nor, 0, nor.size)), lambda: 1)
    journal.mount()
    assert journal.journal == 4711
    return journal


def records(journal, torn):
    for _, data in pages(journal):
        page = Unpacker(data, journal.journal)
        for _ in page.records():
            pass
        assert torn or not page.damaged
    return kept(journal)


nor = RamNor(4 * 4096)
with open(sys.argv[3], "rb") as file:
    file.readinto(nor.data)
journal = open_journal(nor)
before = records(journal, False)
digest = sha256()
for seq in sorted(before):
    kind, body = before[seq]
    digest.update("%d %d %s\n" % (seq, kind, "".join("%02x" % b for b in body)))
assert journal.next_seq == max(before) + 1 + MOST_OPEN and journal.boot == 3

# New pages follow the old ones, over cuts and boots; the old go as the ring comes round.
first_new = journal.next_seq
cuts = 0
while journal.oldest_page == 0 or journal.first_seq < first_new:
    nor.cut_after(1 + cuts % 9)
    flushed = journal.flushed_seq
    try:
        for i in range(400):
            journal.append(20, b"%08d" % journal.next_seq, 8)
            if i % 10 == 0:
                journal.flush()
                flushed = journal.flushed_seq
    except PowerCut:
        cuts += 1
    nor._cut, nor.dead = None, False
    highest = journal.next_seq - 1
    journal = open_journal(nor)
    assert journal.next_seq > highest
    now = records(journal, True)
    for seq in now:
        if seq < first_new:
            assert now[seq] == before[seq]
        elif now[seq][0] == 20:
            assert int(now[seq][1]) in (seq, seq - 1)  # a DROPPED record may come between
    assert max(now) >= flushed
assert not nor.complaints, nor.complaints
print(digest.digest().hex())
print(len(before), min(before), max(before), cuts)
