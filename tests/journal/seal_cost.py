# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: the same hours of beats into a journal in clear and into a sealed one.
#
#   micropython seal_cost.py FIRMWARE BOARDS_VIRTUAL HOURS
#   -> beats, then for clear and for sealed: programs, erases, bytes programmed, bytes of pages;
#      then AES blocks and SHA-256 digests of the sealed one
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]


class Time:
    now = 0

    def ticks_ms(self):
        return self.now & 0x3FFFFFFF

    def ticks_diff(self, a, b):
        d = (a - b) & 0x3FFFFFFF
        return d - 0x40000000 if d >= 0x20000000 else d


clock = Time()
sys.modules["time"] = clock

import hashlib
from struct import pack_into

from flash import RamNor
from models.flash import FlashDevice
from monitor import cover
from monitor import vault as v
from monitor.journal import Journal
from monitor.link import secure, wire
from monitor.media import BlockMedia, PartMedia
from monitor.settings import Settings

HOURS = int(sys.argv[3])
blocks = digests = 0
real_aes, real_sha = cover.aes, hashlib.sha256


class Aes:
    def __init__(self, key, mode):
        self._real = real_aes(key, mode)

    def encrypt(self, data, into):
        global blocks
        blocks += len(data) // 16
        self._real.encrypt(data, into)


class Hashes:
    def sha256(self, data=b""):
        global digests
        digests += 1
        return real_sha(data)


cover.aes = Aes
secure.hashlib = Hashes()


def run(sealed):
    nor = RamNor(40 * 4096, 3)
    media = BlockMedia(FlashDevice(nor, 0, nor.size))
    settings = Settings(PartMedia(media, 0, 2))
    vault = v.Vault(settings.keys)
    if sealed:
        vault.adopt(bytes(range(16)))
    journal = Journal(PartMedia(media, 2, media.blocks - 2), lambda: 5, vault)
    journal.mount()
    programs, erases = nor.programs, nor.erases
    body, state, sample, beats = bytearray(64), 1, 0, 0
    clock.now = 0
    while clock.now < HOURS * 3600000:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        rr = 190 + (state >> 12) % 21
        sample += rr
        clock.now += rr * 4
        uv = wire.round_amplitude(1000 + (state >> 8) % 60)
        pack_into("<IHHBBB", body, 0, sample, rr if beats else 0, uv, 11, 90, 0 if beats else 2)
        journal.append(wire.BEAT, body, 11)
        journal.step(clock.now)
        beats += 1
    journal.flush()
    assert not nor.complaints
    pages = journal.number * 256 + journal.length
    return beats, nor.programs - programs, nor.erases - erases, pages


beats, *clear = run(False)
assert not blocks and not digests
_, *sealed = run(True)
print(beats, *(clear + sealed + [blocks, digests]))
