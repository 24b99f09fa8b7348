"""What is journalled about a start: why it was, with which front end, and what is wrong; and about
another channel than the first, or than before."""

import machine

from . import settings as _settings
from .link import wire

_RESETS = {"PWRON_RESET": wire.RESET_POWER, "HARD_RESET": wire.RESET_BUTTON,
           "WDT_RESET": wire.RESET_WATCHDOG, "SOFT_RESET": wire.RESET_SOFT}  # fmt: skip


def reset_cause(board):
    """RESET_* of this boot; rp2 takes `machine.reset()` for the watchdog, its board.py doesn't."""
    cause = machine.reset_cause()
    bit = getattr(board, "watchdog_bit", None)
    if bit is not None and cause == machine.WDT_RESET and not bit():
        return wire.RESET_SOFT
    for name, code in _RESETS.items():
        if getattr(machine, name, None) == cause:
            return code
    return wire.RESET_OTHER


def record_front_end(app):
    """The BOOT record; again when a front end answers only later: its scale is known then."""
    acquisition = app.acquisition
    parts = (app.version + ".0.0").split(".")
    numbers = [int(p) if p.isdigit() else 0 for p in parts[:3]]
    app.record_at(
        0, wire.BOOT, app.journal.boot, reset_cause(app.board), acquisition.rate,
        acquisition.pv_per_code, acquisition.part_id, acquisition.channels, *numbers,
    )  # fmt: skip
    record_channel(app)


def record_channel(app, before=0, reason=0):
    """Which channel the beats come from; at the beginning (`before` 0) only if not the first."""
    acquisition = app.acquisition
    channel = acquisition.channel
    if channel == 1 and not before:
        return
    value = before | channel << 4 | reason << 8
    app.record(wire.EVENT, wire.EVENT_CHANNEL, value, 0)
    state, reason = acquisition.state, acquisition.reason
    app.record(wire.SIGNAL, state, reason, acquisition.off, channel)
    scale = acquisition.scale
    if scale != acquisition.pv_per_code:
        app.record(wire.NOTE, wire.NOTE_SCALE, channel << 28 | scale)


def record_session(app):
    """The SESSION record of what is UNTOLD, flushed, so that a power cut can't leave it out: then
    the next boot comes here. Twice, at worst. Returns its seq."""
    settings = app.settings
    if settings.open_heart_rate:  # what this session's patient wished, or the one's before
        settings.open_heart_rate = False
        app.record(wire.SETTING, _settings.OPEN_HEART_RATE, 0)
        if app.server is not None:
            app.server.open_up(False)
    runs = settings.get(_settings.SESSION)
    action = wire.SESSION_START if runs else wire.SESSION_STOP
    seq = app.record(wire.SESSION, action, settings.get(_settings.UNTOLD))
    app.journal.flush()
    settings.set(_settings.UNTOLD, 0)
    return seq


def record_boot(app, left_out, media_fault, card_fault):
    """All of a boot, flushed. `left_out`: (first, count) of the journal's numbers that the power
    took; the faults are errno or 0."""
    record_front_end(app)
    first, count = left_out
    if count:
        app.record_at(0, wire.DROPPED, first, count, wire.DROPPED_POWER)
    if app.vigil.safe:
        resets = app.settings.get(_settings.WATCHDOG_RESETS)
        app.record_at(0, wire.FAULT, wire.FAULT_SAFE, resets)
    elif app.acquisition.fault:
        app.record_at(0, wire.FAULT, wire.FAULT_AFE, app.acquisition.fault)
    if media_fault:
        app.record_at(0, wire.FAULT, wire.FAULT_FLASH, media_fault)
    if card_fault:
        app.record_at(0, wire.FAULT, wire.FAULT_CARD, card_fault)
    if app.settings.damaged:
        app.record_at(0, wire.FAULT, wire.FAULT_SETTINGS, 0)
    if app.strips is not None:
        app.strips.tell_cut()
    if app.settings.get(_settings.UNTOLD):
        record_session(app)
    app.journal.flush()
