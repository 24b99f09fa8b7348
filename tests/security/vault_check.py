# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: seals pages and blocks of ECG, and prints them for the host to open.
#
#   micropython vault_check.py FIRMWARE KEY(hex) PAGES SEED -> a line for each: what, raw, plain
import sys

sys.path[:0] = [sys.argv[1]]

from binascii import hexlify, unhexlify

from monitor.keyslots import KeySlots
from monitor.link.pack import PAGE, PAGE_HEAD, PAGE_KIND, head_crc
from monitor.media import RamMedia
from monitor.vault import BlockSeal, Vault, key_id

JOURNAL = 0x89ABCDEF
state = int(sys.argv[4]) * 7919 + 1


def rnd(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % n


def show(*parts):
    print(" ".join(p if isinstance(p, str) else hexlify(bytes(p)).decode() for p in parts))


media = RamMedia(2)
media.erase(0)
media.erase(1)
slots = KeySlots(media)
key = unhexlify(sys.argv[2])
slots.put(key_id(key), 0, key)
vault = Vault(slots)
vault.begin()
blocks = BlockSeal(vault, JOURNAL)
FIRST = 0x23FFF0  # page numbers have three bytes
for number in range(FIRST, FIRST + 4 * int(sys.argv[3]), 4):
    if number % 16 == 0:
        vault.next_block()
    page = bytearray(rnd(256) for _ in range(PAGE - 4))
    page[0] = PAGE_KIND
    for i in range(3):
        page[1 + i] = number >> 8 * i & 255
    crc = head_crc(page, JOURNAL)
    page[14], page[15] = crc & 255, crc >> 8
    raw = bytearray(b"\xff" * PAGE)
    end = PAGE_HEAD
    start = 0
    ends = []
    last = PAGE - 4 if rnd(2) else PAGE_HEAD + 1 + rnd(PAGE // 2)
    while end < last:
        end = min(last, end + 1 + rnd(100))
        page[end - 1] &= 0xFE
        a, b = vault.seal(page, start, end, JOURNAL)
        raw[a:b] = memoryview(vault.image)[a:b]
        start = end
        ends.append(end - 1)
    vault.settle()
    assert raw[b - 1] != 0xFF
    opened = vault.unseal(raw, JOURNAL)
    plain = bytearray(opened)
    for at in ends:  # the bit that says nothing
        plain[at] &= 0xFE
    assert plain[:end] == page[:end], (number, end)
    for i in range(end, PAGE - 4):
        assert plain[i] == 0xFF
    show("page", raw, opened)
    block = bytearray(rnd(256) for _ in range(200 + rnd(400)))
    block[0] = 0x12
    sealed = bytearray(block) + bytearray(32)
    n = blocks.seal(number + 7, sealed, len(block))
    show("block", "%d" % (number + 7), memoryview(sealed)[:n], block)
assert len(slots.live) == 1
