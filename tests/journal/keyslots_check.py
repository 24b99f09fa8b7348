# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: keys and settings change by turns, and the power is cut in every operation.
# On the copy the monitor boots: the newest key or the one before is there, the settings are, and
# what was overwritten is nowhere in the flash.
#
#   micropython keyslots_check.py FIRMWARE BOARDS_VIRTUAL SEED ROUNDS -> one line of figures
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

import hashlib

from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import settings as s
from monitor.keyslots import SLOTS
from monitor.media import BlockMedia

state = int(sys.argv[3]) * 7919 + 1


def rnd(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n


def media(nor):
    return BlockMedia(FlashDevice(nor, 0, nor.size))


def key_of(n):
    return hashlib.sha256(b"%d" % n).digest()[:16]


cuts = boots = 0
session_before = session_after = 0
n_before = n_after = 0  # newest key before and after what is being done
gone = 0  # keys up to this one must be nowhere


def check(nor):
    """Boots: (settings, number of the newest key)."""
    found = s.Settings(media(nor))
    assert found.get(s.SESSION) in (session_before, session_after)
    newest = found.keys.live[-1].n if found.keys.live else 0
    assert newest in (n_before, n_after), (newest, n_before, n_after)
    for slot in found.keys.live:
        assert slot.key == key_of(slot.n) and slot.ident == 7
        assert slot.place // SLOTS == found.keys.block
    assert len(found.keys.live) <= 3, len(found.keys.live)
    for n in range(max(1, gone - 3), gone + 1):
        assert key_of(n)[:8] not in nor.data, "key %d is still in flash" % n
    return found, newest


def cut(nor, kind, address, data):
    global cuts, boots
    cuts += 1
    copy = nor.copy()
    copy.cut_after(1)
    try:
        if kind == "erase":
            copy.erase(address)
        else:
            copy.program(address, data)
    except PowerCut:
        copy.dead = False
    for _ in range(rnd(3)):  # boots that are cut, too
        copy.cut_after(1 + rnd(3))
        try:
            s.Settings(media(copy))
        except PowerCut:
            boots += 1
            copy.dead = False
    copy._cut, copy.dead = None, False
    found, newest = check(copy)
    # Life goes on there: a key behind it, all others gone.
    found.keys.put(7, newest + 1, key_of(newest + 1))
    found.keys.keep((found.keys.live[-1],))
    again = s.Settings(media(copy))
    assert [slot.n for slot in again.keys.live] == [newest + 1]
    if newest:
        assert key_of(newest)[:8] not in copy.data
    assert not copy.complaints, copy.complaints


nor = RamNor(8192, int(sys.argv[3]))
nor.before = cut
kept = s.Settings(media(nor))
for i in range(1, int(sys.argv[4]) + 1):
    what = rnd(10)
    if what < 7:
        n_after = n_before + 1
        assert kept.keys.put(7, n_after, key_of(n_after))
        n_before = n_after
        kept.keys.keep((kept.keys.live[-1],))
        gone = n_after - 1
    elif what < 9:
        session_after = i
        kept.set(s.SESSION, i)
        session_before = i
    else:
        kept, _ = check(nor)
nor.before = None
assert not nor.complaints, nor.complaints
assert kept.keys.failures == 0
print(cuts, boots, n_before, nor.erases)
