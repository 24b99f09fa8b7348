# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: what the vault does when its key is gone, can't be kept, or is replaced.
#
#   micropython vault_faults.py FIRMWARE BOARDS_VIRTUAL -> 1
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]

from flash import RamNor
from models.flash import FlashDevice
from monitor import vault as v
from monitor.journal import Journal
from monitor.link.pack import SEALED
from monitor.link.unpack import Unpacker
from monitor.media import BlockMedia, PartMedia
from monitor.settings import Settings
from reading import pages

FIRST, SECOND, SPARE = bytes(range(16)), bytes(range(1, 17)), bytes(range(2, 18))
CHAINS = {}
for key in (FIRST, SECOND, SPARE):
    chain = [key]
    for _ in range(200):
        chain.append(v.follow(chain[-1]))
    CHAINS[v.key_id(key)] = chain


class Slot:
    pass


def find(ident, n):
    slot = Slot()
    slot.n, slot.key = n, CHAINS[ident][n]
    return slot


host = v.Vault()
host._find = find
nor = RamNor(10 * 4096, 1)


def boot(emergency=None):
    media = BlockMedia(FlashDevice(nor, 0, nor.size))
    settings = Settings(PartMedia(media, 0, 2))
    vault = v.Vault(settings.keys)
    vault.adopt(emergency)
    journal = Journal(PartMedia(media, 2, media.blocks - 2), lambda: 77, vault)
    journal.mount()
    return settings, vault, journal


truth = {}


def write(journal, count):
    for _ in range(count):
        seq = journal.append(20, b"record %05d" % journal.next_seq, 12)
        assert seq not in truth
        truth[seq] = b"record %05d" % seq
    journal.flush()


def read(journal):
    """(records as the host finds them, key ids of their pages; None: in clear)."""
    found, idents = {}, []
    for _, data in pages(journal):
        idents.append(None)
        if data[0] & SEALED:
            idents[-1] = data[16] | data[17] << 8
            data = host.unseal(data, journal.journal)
        for seq, kind, body in Unpacker(data, journal.journal).records():
            if kind == 20:
                found[seq] = bytes(body)
    return found, idents


# Unpaired: in clear. Then paired: what comes is sealed, what was stays readable.
settings, vault, journal = boot()
write(journal, 150)
assert settings.keys.put(v.key_id(FIRST), 0, FIRST)
settings, vault, journal = boot()
write(journal, 150)
found, idents = read(journal)
assert found == truth
assert set(idents) == {None, v.key_id(FIRST)} and idents[-1] is not None

# Paired anew: the last page of the old key is still read at the boot, so no number is left out.
last = journal.next_seq - 1
assert settings.keys.put(v.key_id(SECOND), 0, SECOND)
settings, vault, journal = boot()
assert journal.flushed_seq == last
write(journal, 50)
assert read(journal)[0] == truth and vault.cover.ident == v.key_id(SECOND)
assert [slot.ident for slot in settings.keys.live] == [v.key_id(SECOND)]

# The keys' flash can't be written any more: pages go on under keys that follow, and the next boot
# finds its way from the last that was kept.
settings.keys._write = lambda place, data: False
for _ in range(3):
    journal.leave_block()
    write(journal, 30)
assert settings.keys.failures
ahead = vault.cover.n
settings, vault, journal = boot()
assert vault.cover.n > ahead, (vault.cover.n, ahead)
write(journal, 30)
assert read(journal)[0] == truth

# The keys are gone altogether (the settings' blocks are worn out): no number twice, nothing in
# clear, and the host still opens all that was written.
highest = max(truth)
for i in range(2 * 4096):
    nor.data[i] &= 0x55
settings, vault, journal = boot(SPARE)
assert journal.next_seq > highest
write(journal, 60)
found, idents = read(journal)
assert found == truth
assert idents[-1] == v.key_id(SPARE)

# Wiped: not one byte of what is still written can be read.
vault.wipe()
assert settings.keys.live == []
journal.append(20, b"record after", 12)
journal.flush()
assert vault.cover.ident == v.NO_KEY
print(1)
