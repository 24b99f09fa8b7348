# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: a journal lives through several turns of its ring, and at every single
# program and erase the power is cut on a copy of the flash. On the copy the firmware boots, and
# everything that was promised is checked; then it goes on a little, and is cut again.
#
# With SEALED = 1 the journal is under a key that moves on: settings, keys and pages are cut alike,
# and no key that has gone is anywhere in the flash.
#
#   micropython cuts.py FIRMWARE BOARDS_VIRTUAL SEED BLOCKS RECORDS SEALED -> one line of figures
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]


class Time:
    now = 0x3FFFFFFF - 60000  # ticks_ms wraps during the run

    def ticks_ms(self):
        return self.now & 0x3FFFFFFF

    def ticks_diff(self, a, b):
        d = (a - b) & 0x3FFFFFFF
        return d - 0x40000000 if d >= 0x20000000 else d


clock = Time()
sys.modules["time"] = clock

from struct import pack_into

import reading
from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor.journal import MOST_OPEN, Journal
from monitor.link import wire
from monitor.link.pack import MOST_RECORDS
from monitor.link.pack import SEALED
from monitor.link.unpack import Unpacker
from monitor.media import BlockMedia, PartMedia
from monitor.settings import Settings
from monitor.vault import Vault, follow, key_id

seed = int(sys.argv[3])
BLOCKS, RECORDS = int(sys.argv[4]), int(sys.argv[5])
state = seed * 7919 + 1


def rnd(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n


sealed = len(sys.argv) > 6 and sys.argv[6] == "1"
first_key = bytes(range(seed, seed + 16))
chain = [first_key]  # J(n): what a host computes, and the flash must not hold for long
reader = Vault()  # opens everything, as a host does


class Slot:
    pass


def key_of(n):
    while len(chain) <= n:
        chain.append(follow(chain[-1]))
    return chain[n]


def find(ident, n):
    assert ident == key_id(first_key)
    slot = Slot()
    slot.n, slot.key = n, key_of(n)
    return slot


reader._find = find


def open_journal(nor):
    media = BlockMedia(FlashDevice(nor, 0, nor.size))
    if not sealed:
        return Journal(media, lambda: 0x5EED0000 + seed)
    settings = Settings(PartMedia(media, 0, 2))
    vault = Vault(settings.keys)
    vault.adopt(first_key)
    return Journal(PartMedia(media, 2, media.blocks - 2), lambda: 0x5EED0000 + seed, vault)


def no_old_keys(nor, journal):
    """Only the key in use, that of the page before, and one from a boot that was cut."""
    n = journal.vault.cover.n
    held = [k for k in range(max(0, n - 12), n) if key_of(k) in nor.data]
    assert len(held) <= 1, (n, held)
    assert n == 0 or key_of(n) in nor.data


def pages(journal, number=None):
    """`reading.pages`, unsealed."""
    for page, data in reading.pages(journal, number):
        if data[0] & SEALED:
            data = reader.unseal(data, journal.journal)
        else:
            assert not sealed, "a page in clear"
        yield page, data


def records(journal, number=None):
    last = 0
    for _, data in pages(journal, number):
        reader = Unpacker(data, journal.journal)
        for seq, kind, body in reader.records():
            assert seq > last, "seq %d after %d" % (seq, last)
            last = seq
            yield seq, kind, body


truth = {}  # seq -> (kind, body) of every record ever appended on the real flash
times = {}  # seq -> when
body = bytearray(64)
sample = 0


def some_record(journal, keep):
    """Appends a beat or something else."""
    global sample
    what = rnd(20)
    sample += 150 + rnd(150)
    if what < 14:
        rr = (sample - journal.sample) & 0xFFFFFFFF
        gap = rr > 0xFFFF
        pack_into("<IHHBBB", body, 0, sample, 0 if gap else rr,
                  wire.round_amplitude(500 + rnd(1500)), 20 + rnd(8), 10 * rnd(11), 2 if gap else 0)  # fmt: skip
        kind, size = wire.BEAT, 11
    else:
        kind = (wire.SIGNAL, wire.EVENT, wire.BATTERY, 25)[rnd(4)]
        size = rnd(60)
        for i in range(size):
            body[i] = rnd(256)
    seq = journal.append(kind, body, size)
    keep[seq] = (kind, bytes(body[:size]))
    if seq - 1 not in keep and seq > 1:  # the journal's own: what had to go unacknowledged
        at = journal.recent_at(seq - 1)
        if journal.recent[at] == wire.DROPPED and seq - 1 >= journal.oldest_recent:
            size = journal.recent[at + 1]
            keep[seq - 1] = (wire.DROPPED, bytes(journal.recent[at + 2 : at + 2 + size]))
    return seq


cuts = checked = most_lost = most_ms = seconds = boots = 0


def check(nor, floor, highest, pending, first):
    """Boots on `nor`: everything flushed is there and right, no number comes twice."""
    global checked, most_lost
    journal = open_journal(nor)
    _lost_first, count = journal.mount()
    assert journal.next_seq > highest, "next %d, but %d was given" % (journal.next_seq, highest)
    assert journal.boot >= 1
    assert count <= MOST_OPEN + MOST_RECORDS * 8
    if sealed:
        no_old_keys(nor, journal)
    whole = cuts % 40 == 0
    start = journal.page_of(max(journal.first_seq, 1 if whole else floor - 300))
    found = set()
    for seq, kind, data in records(journal, start):
        assert seq in pending, "record %d was never made" % seq
        assert pending[seq] == (kind, data), "record %d differs" % seq
        found.add(seq)
        checked += 1
    low = min(found) if found else floor + 1
    # The boot itself may need the next block, and then the oldest one goes as it would have gone.
    first = max(first, journal.first_seq)
    assert low <= first or not whole or not found, (low, first)
    for seq in range(max(low, first), floor + 1):
        assert seq in found or seq not in pending, "flushed record %d is lost" % seq
    if found and floor in pending:
        assert floor in found, "the last flushed record %d is lost" % floor
    most_lost = max(most_lost, len([s for s in pending if s > (max(found) if found else 0)]))
    return journal, found


def cut(nor, kind, address, data):
    """Called before each operation of the real run: the power goes in a copy."""
    global cuts, seconds, boots
    cuts += 1
    copy = nor.copy()
    copy.cut_after(1)
    try:
        if kind == "erase":
            copy.erase(address)
        else:
            copy.program(address, data)
        raise AssertionError("no cut")
    except PowerCut:
        copy.dead = False
    highest = max(truth) if truth else 0
    if rnd(3) == 0:  # the boot itself is cut, once or twice
        for _ in range(1 + rnd(2)):
            copy.cut_after(1 + rnd(4))
            try:
                open_journal(copy).mount()
            except PowerCut:
                boots += 1
                copy.dead = False
        copy._cut, copy.dead = None, False
    other, found = check(copy, journal.flushed_seq, highest, truth, journal.first_seq)
    if rnd(4) == 0:
        # life goes on, and the power goes again; what was not found is not there any more
        more = {s: truth[s] for s in truth if s in found or s < min(found, default=0)}
        copy.cut_after(1 + rnd(25))
        keep_state = sample
        try:
            for _ in range(40):
                seq = some_record(other, more)
                highest = max(highest, seq)
                if rnd(5) == 0:
                    other.flush()
        except PowerCut:
            pass
        restore(keep_state)
        copy._cut, copy.dead = None, False
        seconds += 1
        check(copy, other.flushed_seq, highest, more, other.first_seq)


def restore(value):
    global sample
    sample = value


nor = RamNor((BLOCKS + 2 * sealed) * 4096, seed)
journal = open_journal(nor)
first, count = journal.mount()
nor.before = cut
for i in range(RECORDS):
    seq = some_record(journal, truth)
    times[seq] = clock.now
    clock.now += 100 + rnd(1500)
    journal.step(clock.ticks_ms())
    late = [clock.now - times[s] for s in range(journal.flushed_seq + 1, journal.next_seq)
            if s in times]  # fmt: skip
    if late:
        most_ms = max(most_ms, max(late))
    if rnd(200) == 0:
        journal.acknowledge(max(0, journal.next_seq - 1 - rnd(400)))
nor.before = None
assert not nor.complaints, nor.complaints
wear = nor.wear[2 * sealed :]
assert max(wear) - min(wear) <= 1, wear
print(
    cuts,
    seconds,
    checked,
    most_lost,
    most_ms,
    len(truth),
    max(wear),
    min(wear),
    journal.losses.count,
)
