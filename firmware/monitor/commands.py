"""What a host may ask beyond its records: time, sessions, settings, marks.

The server (link/server.py) hands every command that it does not know itself to `on_command`,
with its operands complete, and sends the answer.
"""

from struct import pack_into, unpack_from

from . import booting as _booting
from . import memory as _memory
from . import settings as _settings
from .frontends import offers as _offers
from .link import wire


class Commands:
    """Handlers of one app; `identity`: eight bytes that are the same as long as the chip lives."""

    def __init__(self, app, unique_id):
        self._app = app
        self.identity = (bytes(unique_id) + bytes(8))[:8]

    def on_link(self, up):
        self._app.on_link(up)

    def on_refused(self, failures):
        """Someone without the key was turned away; `failures` counts since the boot."""
        self._app.refusals.on_refused(failures)

    def on_command(self, opcode, data, answer, now):
        """(result, length of the answer): `answer` holds three bytes already."""
        app = self._app
        if opcode == wire.PING:
            sample, late_us = app.acquisition.instant()
            pack_into("<IHH", answer, 3, sample & 0xFFFFFFFF, min(late_us, 0xFFFF),
                      app.journal.boot)  # fmt: skip
            return wire.OK, 11
        if opcode == wire.SYNC_POINT:
            sample, host_us, uncertainty_us, late_us = unpack_from("<IQIH", data, 2)
            seq = app.record_at(sample, wire.SYNC, host_us, uncertainty_us, late_us)
            if app.front is not None:
                app.front.clock(host_us)
            pack_into("<I", answer, 3, seq)
            return wire.OK, 7
        if opcode == wire.SESSION_SET:
            return self._session(data, answer)
        if opcode == wire.SETTING_SET or opcode == wire.SETTING_GET:
            return self._setting(opcode, data, answer)
        if opcode == wire.MARK:
            kind, value = unpack_from("<BH", data, 2)
            pack_into("<I", answer, 3, app.event(app.acquisition.index, kind, value))
            return wire.OK, 7
        if opcode == wire.ECG_SET:
            return self._ecg(data, answer)
        if opcode in _memory.OPCODES:
            return app.memory.on_command(opcode, data, answer)
        if opcode == wire.SELFTEST:
            return app.checkup.on_command(data[2], answer)
        if opcode == wire.WIPE:
            return self._wipe(data)
        if wire.UPDATE_BEGIN <= opcode <= wire.UPDATE_STATUS:
            return app.updating.on_command(opcode, data, answer)
        return wire.NO_OPCODE, 3

    def _wipe(self, data):
        from . import wipe

        if unpack_from("<I", data, 2)[0] != self._app.journal.journal:
            return wire.BAD_OPERAND, 3
        result = wipe.begin(self._app)
        if result == wire.OK:
            self._app.restart_in = 4  # the answer goes out first
        return result, 3

    def _ecg(self, data, answer):
        stream = self._app.server.ecg
        kind, first, count = unpack_from("<BIH", data, 2)
        if stream is None:
            return wire.NO_OPERAND, 3
        if kind == wire.ECG_STOP:
            stream.stop()
            begins = 0
        else:
            begins = stream.start(kind, first, count)
            if begins is None:
                return wire.NO_OPERAND, 3
        pack_into("<I", answer, 3, begins)
        return wire.OK, 7

    def _session(self, data, answer):
        app = self._app
        action, number = unpack_from("<BI", data, 2)
        if action == wire.SESSION_START and 0 < number < 0x40000000:
            app.settings.set_session(number)
            seq = _booting.record_session(app)
            _booting.record_channel(app)
        elif action == wire.SESSION_STOP:
            seq = app.stop_session()
        else:
            return wire.BAD_OPERAND, 3
        pack_into("<I", answer, 3, seq)
        app.telling.status()
        return wire.OK, 7

    def _setting(self, opcode, data, answer):
        app = self._app
        key = data[2]
        try:
            if opcode == wire.SETTING_SET:
                if key in _settings.OWN:
                    return wire.NO_OPERAND, 3
                value = unpack_from("<i", data, 3)[0]
                if value != app.settings.get(key):
                    if not _offers(app.acquisition.sampler, key, value):
                        return wire.BAD_OPERAND, 3
                    app.settings.set(key, value)
                    app.record(wire.SETTING, key, value)
                if key == _settings.OPEN_HEART_RATE:
                    app.server.open_up(bool(value))
            value = app.settings.get(key)
        except KeyError:
            return wire.NO_OPERAND, 3
        except ValueError:
            return wire.BAD_OPERAND, 3
        pack_into("<i", answer, 3, value)
        return wire.OK, 7
