"""Journal: the monitor's own, on this board's flash, in a folder of its own; removed afterwards.

Records are written as the monitor writes them, across a few blocks, and found again by a second
mount as after a reset. The longest turn tells what sampling has to bear beside it.
"""

import gc
import os
import time

from monitor.journal import Journal
from monitor.link.unpack import Unpacker
from monitor.media import open_media

import board

ROOT = getattr(board, "ROOT", "/").rstrip("/")
BLOCKS = 12
RECORDS = 3000


class Bench:
    """The board's flash with a journal in another folder, so that the patient's is not touched."""

    JOURNAL_KIB = 4 * BLOCKS

    def journal_device(self):
        return ROOT + "/hiljournal"

    def flash_device(self):
        return getattr(board, "flash_device", lambda: None)()


def remove(path):
    for name in os.listdir(path):
        inner = path + "/" + name
        if os.stat(inner)[0] & 0x4000:
            remove(inner)
        else:
            os.remove(inner)
    os.rmdir(path)


def mount():
    media, problem = open_media(Bench())
    if problem is not None or not media.lasting:
        print("SKIP no room on the flash for %d blocks: %s" % (BLOCKS, problem))
        return None
    journal = Journal(media, lambda: 77)
    journal.mount()
    return journal


journal = mount()
if journal is not None:
    try:
        first = journal.next_seq
        longest = 0
        body = bytearray(12)
        for i in range(RECORDS):
            body[0], body[1] = i & 255, i >> 8
            start = time.ticks_us()
            journal.acknowledge(journal.next_seq - 1)
            journal.append(20, body, 12)
            longest = max(longest, time.ticks_diff(time.ticks_us(), start))
        journal.flush()
        gc.collect()
        again = mount()
        assert again.next_seq >= first + RECORDS, "%d of %d are left" % (again.next_seq, RECORDS)
        number, seen, last = again.page_of(first + RECORDS - 300), 0, -1
        while number is not None:
            data = bytearray(again.remains(number, 0))
            again.read(number, 0, data)
            for seq, kind, told in Unpacker(data, again.journal).records():
                if kind == 20:
                    assert told[0] | told[1] << 8 == (seq - first) & 0xFFFF, seq
                    assert last < 0 or seq == last + 1, "number %d after %d" % (seq, last)
                    last = seq
                    seen += 1
            following = again.page_after(number)
            number = following[0] if following else None
        assert seen >= 300, "only %d records were read back" % seen
        assert last == first + RECORDS - 1, "the last one read is %d" % (last - first)
        print("VALUE records=%d read=%d longest_us=%d" % (RECORDS, seen, longest))
    finally:
        remove(ROOT + "/hiljournal")
