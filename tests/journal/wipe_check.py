# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: a monitor with a sealed journal in a real littlefs is wiped, and the power
# goes in every single operation of it, and in boots after that. Once the wipe has begun no key is
# left, and in the end nothing is. With "files", the flash can't be programmed twice and all goes
# through files, of which littlefs leaves old copies: no key is left in the end.
#
#   micropython wipe_check.py FIRMWARE BOARDS_VIRTUAL STEP raw|files -> one line of figures
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

import vfs
from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import pairing, wipe
from monitor import settings as s
from monitor.journal import Journal
from monitor.link import wire
from monitor.link.pack import page_head
from monitor.media import PartMedia, open_media
from monitor.vault import Vault, follow, key_id

SIZE = 48 * 4096
JOURNAL = 0x5EED
FILES = sys.argv[4] == "files"
PAIRING = bytes(range(100, 132))
FIRST = bytes(range(50, 66))
CHAIN = [FIRST]
for _ in range(40):
    CHAIN.append(follow(CHAIN[-1]))


class Board:
    JOURNAL_RESERVE = 60 * 1024

    def __init__(self, nor):
        self._device = FlashDevice(nor, 0, nor.size)

    def journal_device(self):
        return "/f/journal"

    def flash_device(self):
        return None if FILES else self._device


def mount(nor):
    try:
        vfs.umount("/f")
    except OSError:
        pass
    device = FlashDevice(nor, 0, nor.size)
    try:
        fs = vfs.VfsLfs2(device, progsize=256)
    except OSError:
        vfs.VfsLfs2.mkfs(device, progsize=256)
        fs = vfs.VfsLfs2(device, progsize=256)
    vfs.mount(fs, "/f")
    media, problem = open_media(Board(nor))
    if nor.dead:
        raise PowerCut
    assert problem is None, problem
    return media, s.Settings(PartMedia(media, 0, s.BLOCKS))


def journal_of(media, settings):
    vault = Vault(settings.keys)
    vault.adopt(pairing.journal_key("/f/"))
    part = PartMedia(media, s.BLOCKS, media.blocks - s.BLOCKS)
    journal = Journal(part, lambda: JOURNAL, vault)
    journal.mount()
    return journal


class App:
    class Server:
        guard = True

    server = Server

    def __init__(self, settings, journal):
        self.settings = settings
        self.journal = journal


def keys_in(nor):
    return [n for n, key in enumerate(CHAIN) if key in nor.data]


def pages_in(nor):
    data = nor.data
    found = 0
    for at in range(0, len(data), 256):
        for start in (at, at + 32):
            if page_head(data[start : start + 32], JOURNAL) is not None:
                found += 1
    return found


# A monitor that was paired, worn, and has some pages.
nor = RamNor(SIZE, 7)
media, settings = mount(nor)
with open("/f/pairing", "wb") as file:
    data = pairing.MAGIC + PAIRING
    crc = pairing.crc_hqx(data, 0xFFFF)
    file.write(data + bytes((crc & 255, crc >> 8)))
settings.keys.put(key_id(FIRST), 0, FIRST)
settings.set(s.SESSION, 4711)
journal = journal_of(media, settings)
for i in range(700):
    journal.append(20, b"record %05d" % i, 12)
    if i % 20 == 0:
        journal.flush()
journal.flush()
assert len(keys_in(nor)) > 1 if FILES else len(keys_in(nor)) == 1
assert pages_in(nor) > 4 and PAIRING in nor.data
worn = bytes(nor.data)


def again():
    """The same monitor once more: (flash, its settings, its journal)."""
    nor = RamNor(4096, 3)
    nor.size = SIZE
    nor.data = bytearray(worn)
    nor.wear = [0] * (SIZE // 4096)
    media, settings = mount(nor)
    return nor, settings, journal_of(media, settings)


def boot(nor):
    """As the app does: goes on with a wipe that has begun."""
    media, settings = mount(nor)
    if settings.get(s.WIPING):
        assert FILES or len(keys_in(nor)) <= 2
        wipe.go_on(settings, media, "/f/")
    return media, settings


def wiped(nor):
    """What must hold once it is done."""
    assert keys_in(nor) == []
    assert pages_in(nor) == 0
    assert PAIRING not in nor.data
    media, settings = mount(nor)
    assert not settings.get(s.WIPING) and settings.get(s.SESSION) == 0
    assert pairing.load("/f/") is None
    journal = journal_of(media, settings)
    journal.append(20, b"record 12345", 12)
    journal.flush()
    assert journal.flushed_seq == 1


cuts = boots = undone = 0
cut = 1
while True:
    nor, settings, journal = again()
    nor.cut_after(cut)
    try:
        assert wipe.begin(App(settings, journal)) == wire.OK
        assert FILES or keys_in(nor) == []
        boot(nor)
        ended = True
    except (PowerCut, OSError):
        ended = False
        assert nor.dead
    nor.dead = True
    nor = nor.copy()
    nor.dead = False
    if not ended and cut % 3 == 0:  # the boot after it is cut, too
        nor.cut_after(1 + cut * 7 % 40)
        try:
            boot(nor)
        except (PowerCut, OSError):
            boots += 1
        nor.dead = True
        nor = nor.copy()
        nor.dead = False
    nor._cut = None
    _, settings = boot(nor)
    if settings.get(s.SESSION) == 4711:  # cut before it had begun: all is there
        undone += 1
        assert cut <= (20 if FILES else 2) and len(keys_in(nor)) >= 1
    else:
        wiped(nor)
    if ended:
        break
    cuts += 1
    cut += int(sys.argv[3]) if cut > 20 else 1
print(cuts, boots, undone)
