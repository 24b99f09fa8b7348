# ruff: noqa: E402, UP031, I001, B007, B018, RUF100, SIM105, E501, PT018, B023
# Runs in MicroPython: sessions begin and end, and the power goes in every single operation of it.
# After the boot that follows, what the settings say and what the journal says is the same.
#
#   micropython session_check.py FIRMWARE BOARDS_VIRTUAL -> cuts, of them told by the boot
import sys

sys.path[:0] = [sys.argv[1], sys.argv[2], sys.argv[0].rsplit("/", 1)[0]]


class Machine:
    Pin = WDT = None


class Image:
    VERSION = "1.0.0"


sys.modules["machine"] = Machine
sys.modules["image_info"] = Image

from struct import pack, unpack_from

from flash import PowerCut, RamNor
from models.flash import FlashDevice
from monitor import booting
from monitor import settings as s
from monitor.app import App
from monitor.commands import Commands
from monitor.journal import Journal
from monitor.link import wire
from monitor.link.unpack import Unpacker
from monitor.media import BlockMedia, PartMedia

BLOCKS = 8


class Acquisition:
    index = 1000
    channel = 1


class Telling:
    def status():
        pass


class Small:
    """The parts of the app that a session has to do with."""

    acquisition, telling, ecg, strips = Acquisition, Telling, None, None
    record, record_at, stop_session = App.record, App.record_at, App.stop_session

    def __init__(self, nor):
        media = BlockMedia(FlashDevice(nor, 0, nor.size))
        self.settings = s.Settings(PartMedia(media, 0, s.BLOCKS))
        self.journal = Journal(PartMedia(media, s.BLOCKS, BLOCKS), lambda: 7)
        self.body = bytearray(wire.MAX_BODY)
        self.journal.mount()

    def boot(self):
        """What of record_boot concerns it."""
        if self.settings.get(s.UNTOLD):
            booting.record_session(self)
            return 1
        return 0

    def ask(self, action, number):
        result, _ = Commands(self, b"")._session(
            pack("<BBBI", wire.SESSION_SET, 0, action, number), bytearray(8)
        )
        assert result == wire.OK

    def told(self):
        """Every (action, number) of the SESSION records in flash, in order."""
        journal, found = self.journal, []
        journal.flush()
        number = journal.page_of(journal.first_seq)
        while number is not None:
            data = bytearray(journal.remains(number, 0))
            journal.read(number, 0, data)
            for seq, kind, body in Unpacker(data, journal.journal).records():
                if kind == wire.SESSION:
                    found.append(unpack_from("<BI", body, 4))
            following = journal.page_after(number)
            number = following[0] if following else None
        return found


def agree(app):
    told = app.told()
    action, number = told[-1] if told else (wire.SESSION_STOP, 0)
    runs = app.settings.get(s.SESSION)
    assert (action == wire.SESSION_START) == bool(runs), (told, runs)
    assert action == wire.SESSION_STOP or number == runs, (told, runs)
    # Twice at worst, and never a session that began and whose end is not there.
    begun = last = 0
    for action, number in told:
        if action == wire.SESSION_START:
            assert begun in (0, number), told
            begun = number
        else:
            assert number in (begun, last), told
            begun, last = 0, number
    return told


cuts = again = 0


def cut(nor, kind, address, data):
    global cuts, again
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
    app = Small(copy)
    again += app.boot()
    agree(app)


nor = RamNor((s.BLOCKS + BLOCKS) * 4096)
app = Small(nor)
app.boot()
nor.before = cut
for number in range(1, 13):
    app.ask(wire.SESSION_START, number)
    for _ in range(3):
        app.record(wire.NOTE, 9, number)
    app.journal.flush()
    if number % 2:
        app.ask(wire.SESSION_STOP, 0)
    else:
        app.stop_session()
nor.before = None
assert len(agree(app)) == 24
print(cuts, again)
