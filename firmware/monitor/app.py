"""The whole monitor, built from a board and run: the only file that knows everyone.

    import board
    from monitor import app
    app.run(board)

One loop, no scheduler: the front end's interrupt fills the sampler's ring, the radio's interrupts
note what came, and `App.step` does all the work, a little of each in every turn.
"""

import gc
import os
import sys
import time
from struct import pack_into

import machine

from . import beats as _beats
from . import booting as _booting
from . import ecgplace as _ecgplace
from . import journal as _journal
from . import media as _media
from . import pairing as _pairing
from . import power as _power
from . import settings as _settings
from . import vigil as _vigil
from .acquire import Acquisition
from .alarms import Alarms
from .checkup import Checkup
from .commands import Commands
from .crystal import Crystal
from .ecgring import EcgRing
from .front import Front
from .link import wire
from .link.bonds import Bonds
from .link.ecgstream import EcgStream
from .link.guard import Guard
from .link.server import Server
from .memory import Memory
from .power import Power
from .refusals import Refusals
from .slots import Slots
from .supply import Supply
from .telling import Telling
from .updating import Updating
from .vault import BlockSeal, Vault

SETTINGS_BLOCKS = _settings.BLOCKS
_ECG_RAM = 24576
_SLOW_MS = 250
_WATCHDOG_MS = 8000
_REST_MS = 8
_EXCEPTION_MS = 10000  # an exception is journalled this often at most


def _random32():
    data = os.urandom(4)
    return (data[0] | data[1] << 8 | data[2] << 16 | data[3] << 24) or 1


def _make_ring(board, rate):
    """RAM for the last minute of ECG, None on a board that has not that much."""
    size = getattr(board, "ECG_RAM", _ECG_RAM)
    try:
        return EcgRing(size, max(64, rate // 2)) if size else None
    except (MemoryError, ValueError):
        return None


class App:
    """The monitor. `commands` answers what a host asks; see there."""

    def __init__(self, board, ble=None, media=None, settings=None):
        import image_info

        self.board = board
        problem = None
        if media is None:
            media, problem = _media.open_media(board)
        # MicroPython's errno is the first argument, whatever it is: a message, too.
        number = getattr(problem, "errno", None)
        if problem is None:
            self._media_fault = 0
        else:
            self._media_fault = number if isinstance(number, int) and number else 255
        if settings is None:
            kept = _media.PartMedia(media, 0, SETTINGS_BLOCKS) if media.lasting else None
            settings = _settings.Settings(kept)
        self.settings = settings
        self.media = whole = media
        if settings.get(_settings.WIPING):
            from . import wipe

            wipe.go_on(settings, media, _root(board))
        room = _ecgplace.record_blocks(board, media, settings)
        if media.lasting:
            media = _media.PartMedia(media, SETTINGS_BLOCKS, room)
        vault = Vault(settings.keys)
        vault.adopt(_pairing.journal_key(_root(board)))
        if vault.new:
            from . import wipe

            wipe.scrub(_root(board))  # of the key of the session before
        self.journal = _journal.Journal(media, _random32, vault)
        left_out = self.journal.mount()
        self.body = bytearray(wire.MAX_BODY)
        self.power = Power(board)
        self.ecg = _make_ring(board, self.settings.get(_settings.RATE))
        behind = SETTINGS_BLOCKS + room
        self.strips, card_fault = _ecgplace.make_strips(
            self, board, whole, behind, whole.blocks - behind
        )
        if self.strips is not None:
            self.strips.flash.cover = BlockSeal(vault, self.journal.journal)
        self.card_wipe = None
        if settings.get(_settings.CARD_WIPE):
            from . import cardwipe

            self.card_wipe = cardwipe.start(settings, self.strips, card_fault)
        self.memory = Memory(self)
        # An image on trial is counted by the loader, and replaced.
        trial = Slots(_root(board)).on_trial()
        safe = not trial and _vigil.count_reset(settings, _booting.reset_cause(board))
        self.crystal = Crystal(self)
        self.acquisition = Acquisition(board, settings, self, safe)
        self.beats = _beats.Beats(self.acquisition.rate)
        self.alarms = Alarms(self.acquisition.rate, self.settings, self.alarm)
        self.supply = Supply(self)
        self._slow_at = time.ticks_ms()
        self._exception_at = None
        self.restart_in = 0  # slow turns until the monitor restarts, 0: it does not
        self.version = image_info.VERSION
        self.vigil = _vigil.Vigil(self, safe)
        self.server = self.telling = self.refusals = None
        _booting.record_boot(self, left_out, self._media_fault, card_fault)
        self.front = Front(self, board) if "LED" in board.PINS else None
        self.updating = Updating(self, board)
        self.checkup = Checkup(self)
        if ble is not None:
            self.commands = Commands(self, machine.unique_id())
            self.server = Server(ble, self.journal, self.commands, time.ticks_diff)
            if self.ecg is not None:
                sources = {wire.ECG_LIVE: self.ecg}
                if self.strips is not None:
                    sources[wire.ECG_STORED] = self.strips.flash
                self.server.ecg = EcgStream(sources)
            key = _pairing.load(_root(board))
            if key is not None:
                guard = self.server.guard = Guard(key, self.journal.boot, time.ticks_diff)
                self.refusals = Refusals(self, guard)
                self.server.bonds = Bonds(_root(board), key)
                self.server.serial = _pairing.serial(_root(board))
            self.server.open_heart_rate = bool(self.settings.get(_settings.OPEN_HEART_RATE))
            self.telling = Telling(self, self.server)
            self.server.open("Heartlog", board.NAME, self.version, self.telling.data)

    # --- records -------------------------------------------------------------------------------
    def record(self, kind, *values):
        """Journals a record (fields of wire.RECORDS after the sample); returns its seq."""
        return self.record_at(self.acquisition.index, kind, *values)

    def record_at(self, sample, kind, *values):
        """As `record`, of the instant of a sample index."""
        body = self.body
        pack_into(wire.RECORDS[kind][1], body, 0, sample & 0xFFFFFFFF, *values)
        return self.journal.append(kind, body, wire.SIZE[kind])

    def on_front_end(self):
        """A front end that did not answer at first does now."""
        _booting.record_front_end(self)

    # --- what the acquisition tells ------------------------------------------------------------
    def on_gap(self, first, lost, reason):
        """`lost` samples from index `first` on are missing."""
        self.on_blind()
        self.crystal.gap(lost // self.acquisition.rate)
        self.record_at(first, wire.GAP, lost, reason)

    def on_signal(self, sample, state, reason, off, channel):
        """A channel's state changed (channel 1 is the first)."""
        self.record_at(sample, wire.SIGNAL, state, reason, off, channel)

    def on_channel(self, before, reason):
        """The beats come from another channel than `before` from the next sample on."""
        self.on_blind()
        _booting.record_channel(self, before, reason)

    def on_blind(self):
        """No beat can be seen any more: nothing may be measured across this."""
        self.beats.break_rr()
        self.alarms.broken()

    def on_beat(self, index, amplitude_uv, width_ms, confidence, flags):
        """The detector decided a beat at sample `index`."""
        size = self.beats.put(self.body, index, amplitude_uv, width_ms, confidence, flags)
        self.journal.append(wire.BEAT, self.body, size)
        rr = self.beats.rr
        self.alarms.beat(index, rr, flags)
        if self.telling is not None:
            self.telling.beat(rr, time.ticks_ms())

    def on_fault(self, code):
        """The front end failed (errors.py of the AFE), and is being restarted."""
        self.on_blind()
        self.record(wire.FAULT, wire.FAULT_AFE, code)

    def press(self, sample):
        """The patient pressed the button at this sample: "I felt something"."""
        self.event(sample, wire.EVENT_BUTTON, 0)

    def alarm(self, sample, kind, value):
        """An alarm that someone asked for: journalled first, then told, if that was asked too."""
        self.event(sample, kind, value)
        if self.front is not None:
            self.front.alarm()

    def event(self, sample, kind, value):
        """An event and the strip around it; returns the record's seq."""
        strip = self.strips.trigger(sample, kind) if self.strips is not None else 0
        return self.record_at(sample, wire.EVENT, kind, value, strip)

    def stop_session(self):
        """The patient, or a host, ends the session; returns the record's seq."""
        self.settings.set_session(0)
        if self.ecg is not None:
            self.ecg.close()  # its last half second is kept, too
        return _booting.record_session(self)

    def steady(self, now):
        """Whether an erase, for which everything waits, makes no flash of the light late."""
        return self.front is None or self.front.steady(now)

    @property
    def storage_fault(self):
        """Whether the journal is kept in RAM only, because flash can't be used."""
        return self._media_fault != 0

    def on_link(self, up):
        """A host has taken the records, or has gone."""
        self.record(wire.LINK, wire.LINK_UP if up else wire.LINK_DOWN, 0)

    def on_exception(self, error):
        """Something in `step` failed that should not: keep the fact, and go on."""
        now = time.ticks_ms()
        if self._exception_at is not None and (
            time.ticks_diff(now, self._exception_at) < _EXCEPTION_MS
        ):
            return
        self._exception_at = now
        sys.print_exception(error)
        try:
            name = 0
            for letter in type(error).__name__[:4]:
                name = name << 7 | ord(letter) & 127
            self.record(wire.FAULT, wire.FAULT_EXCEPTION, name)
            self.journal.flush()  # its own turn may never be reached
        except Exception:  # the journal itself: the watchdog ends it
            pass

    # --- the loop ------------------------------------------------------------------------------
    def step(self):
        """One turn; True when something was done, so that the loop need not rest.

        Most turns find nothing to do: what they call has frames of 11 words at most. Larger ones
        go on the heap (see `afe.bus`), where a search for room takes an RP2040 0.2 ms in ours."""
        worked = self.acquisition.step()
        now = time.ticks_ms()
        # Before all that may fail: light and button work in any trouble.
        if self.front is not None:
            self.front.step(now, self.acquisition.index)
        if self.server is not None and self.server.step(now):
            worked = True
        if self.journal.step(now):
            worked = True
        if self.strips is not None and self.strips.step():
            worked = True
        if self.updating.step():
            worked = True
        if self.memory.step():
            worked = True
        if self.card_wipe is not None:
            self.card_wipe.step()  # unhurried: the loop rests, and the radio is answered
        self.checkup.step()
        if time.ticks_diff(now, self._slow_at) >= _SLOW_MS:
            self._slow_at = now
            self._slow(now)
        return worked

    def rest(self):
        """Nothing is to be done: waits a little. `machine.idle` alone would wake the processor at
        every tick and sample, for turns that find nothing."""
        if self.server is not None and self.server.hurried:
            machine.idle()
        else:
            time.sleep_ms(_REST_MS)

    def _slow(self, now):
        if self.restart_in:
            self.restart_in -= 1
            if not self.restart_in:
                machine.reset()
        acquisition = self.acquisition
        acquisition.watch()
        self.beats.silence(acquisition.index)
        good = acquisition.judging and acquisition.state == wire.SIGNAL_GOOD
        self.alarms.step(acquisition.index, good, not good or not acquisition.wandered)
        self.updating.slow()
        # An erase costs samples; without a lead to see the heart on there are none to lose.
        blind = acquisition.state == wire.SIGNAL_LEAD_OFF or self.supply.state == _power.CHARGING
        if blind and self.steady(now):
            self.media.grow()
        self.supply.step(now)
        self.crystal.step(now)
        if self.telling is not None:
            self.telling.step(now)
        if self.refusals is not None:
            self.refusals.slow(now)


def _root(board):
    root = getattr(board, "ROOT", "/")
    return root if root.endswith("/") else root + "/"


def run(board):
    """Runs until the power goes. A fault in one turn is journalled and the next turn goes on; one
    that comes at every turn ends in a reset by the watchdog, and several resets in safe mode,
    which goes on whatever happens: see vigil.py."""
    import bluetooth

    try:
        app = App(board, bluetooth.BLE())
    except Exception as error:
        sys.print_exception(error)
        _vigil.show_fault(board)
        raise
    if hasattr(board, "CODE_RAM"):
        gc.threshold(-1)  # see inplace.py
    dog = machine.WDT(timeout=_WATCHDOG_MS)
    while True:
        try:
            worked = app.step()
            fit = app.vigil.look(time.ticks_ms())
        except Exception as error:
            app.on_exception(error)
            worked, fit = False, app.vigil.safe
        if fit:
            dog.feed()
        if not worked:
            app.rest()
