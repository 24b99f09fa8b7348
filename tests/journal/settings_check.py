# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: settings are changed many times, and the power is cut in every operation.
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import settings as s
from monitor.media import BlockMedia

cuts = 0
before = after = None


def media(nor):
    return BlockMedia(FlashDevice(nor, 0, nor.size))


def cut(nor, kind, address, data):
    global cuts
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
    for _ in range(3):  # booting again and again changes nothing
        found = s.Settings(media(copy))
        assert found.get(s.SESSION) in (before, after), (found.get(s.SESSION), before, after)
        assert not found.damaged or before is None
    found.set(s.SESSION, 77)
    assert s.Settings(media(copy)).get(s.SESSION) == 77


nor = RamNor(8192)
before, after = 0, 0
nor.before = cut
kept = s.Settings(media(nor))
for i in range(1, 101):
    after = i
    kept.set(s.SESSION, i)
    before = i
    if i % 7 == 0:
        kept = s.Settings(media(nor))
        assert kept.get(s.SESSION) == i
nor.before = None
for key, value, error in ((s.CHANNEL, 99, ValueError), (99, 1, KeyError), (31, 0, KeyError)):
    try:
        kept.set(key, value)
        raise AssertionError(key)
    except error:
        pass
for i in range(8192):
    nor.data[i] ^= i & 0x55
broken = s.Settings(media(nor))
assert broken.damaged
assert broken.get(s.RATE) == 250
broken.set(s.SESSION, 5)
assert s.Settings(media(nor)).get(s.SESSION) == 5
assert not nor.complaints, nor.complaints
print(cuts, nor.erases)
