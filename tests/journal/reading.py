# ruff: noqa: UP031
# Runs in MicroPython: a journal read whole, as a host does it.
from monitor.link.unpack import Unpacker


def pages(journal, number=None):
    """(page number, bytes) from a page on to the end of what is in flash."""
    if number is None:
        number = journal.page_of(journal.first_seq)
    while number is not None:
        data = bytearray(journal.remains(number, 0))
        journal.read(number, 0, data)
        yield number, data
        following = journal.page_after(number)
        number = following[0] if following else None


def kept(journal, number=None):
    """{seq: (kind, body)} of what lies in clear in flash, from a page on; in order of seq."""
    found = {}
    last = 0
    for _, data in pages(journal, number):
        for seq, kind, body in Unpacker(data, journal.journal).records():
            assert seq > last, "seq %d after %d" % (seq, last)
            last = seq
            found[seq] = (kind, bytes(body))
    return found
