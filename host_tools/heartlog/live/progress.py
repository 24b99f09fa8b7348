"""Follows a recorder's events: keeps the live state, and says in one line how the recording goes.

follower = Follower()
recorder = Recorder(store, backend, on_event=follower.take)
follower.line()        # "12:04  recording   1 204 beats   72/min   signal good"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heartlog.live.state import LiveState
from heartlog.overview import duration
from heartlog.recorder import events
from heartlog.recorder.sealed import keys_text

Say = Callable[[str], None]


class Follower:
    """The state of a recording, and (through `say`) each turn in it in a sentence."""

    def __init__(self, say: Say = lambda text: None, clock: Callable[[], float] | None = None):
        self.state = LiveState()
        self.phase = ""
        self.session_id: int | None = None
        self.resumed = False
        self.stored = self.beats = 0
        self.behind = 0
        self.missing = 0
        self.locked = 0
        self.interruptions = 0
        self.finished = False
        self.started: float | None = None
        self._lost_at: float | None = None
        self.say = say
        self._clock = clock

    def take(self, event: events.Event) -> None:
        """Follow one event."""
        handler = getattr(self, f"_on_{type(event).__name__.lower()}", None)
        if handler is not None:
            handler(event)

    def _on_searching(self, event: events.Searching) -> None:
        if self.phase == "":
            self.say("Looking for the monitor ...")
        self.phase = "searching again" if event.again else "searching"

    def _on_connected(self, event: events.Connected) -> None:
        self.phase = "connected"
        self.state.name = f"{event.info.model or 'Heartlog'} {event.info.device_id[-4:]}"
        self.state.take_status(event.status)
        battery = self.state.battery_percent
        charge = f", battery {battery} %" if battery is not None else ""
        if self._lost_at is None or self.session_id is None:
            self.say(
                f"Connected to {event.info.device_id} at {event.address}"
                f" (firmware {event.info.firmware}{charge})."
            )
        else:
            away = duration(max(0.0, event.time - self._lost_at))
            self.say(f"Connected again after {away}; what was missed is fetched.")
        self._lost_at = None
        if self.state.fault:
            self.say(f"The monitor reports a fault: {self.state.fault}.")

    def _on_sessionopened(self, event: events.SessionOpened) -> None:
        self.session_id, self.resumed = event.session_id, event.resumed
        self.phase = "recording"
        if self.started is None:
            self.started = event.time
        what = "goes on where it stopped" if event.resumed else "begins"
        self.say(f"Session {event.session_id} {what}.")

    def _on_completed(self, event: events.Completed) -> None:
        self.resumed, self.started = False, None
        self.say(f"Session {event.session_id} ended meanwhile; it is complete now.")

    def _on_arrived(self, event: events.Arrived) -> None:
        before = self.state.fault
        for record in event.early or event.records:
            self.state.take(record)
        if event.early:
            # Beats that are shown ahead of their turn come again in order: count those only.
            self.state.beat_count -= sum(r.name == "beat" for r in event.early)
            self.state.beat_count += sum(r.name == "beat" for r in event.records)
        self.behind = event.behind
        self.phase = "catching up" if event.behind > 20 else "recording"
        if self.state.fault and self.state.fault != before:
            self.say(f"The monitor reports a fault: {self.state.fault}.")

    def _on_missing(self, event: events.Missing) -> None:
        count = event.last - event.first + 1
        self.missing += count
        which = f"{count} records ({event.first} to {event.last})"
        self.say(f"The monitor does not have {which}: lost, or left out by a restart.")

    def _on_locked(self, event: events.Locked) -> None:
        count = event.last - event.first + 1
        self.locked += count
        self.say(
            f"{count} records ({event.first} to {event.last}) are sealed under the"
            f" {keys_text(event.keys)} of another computer. They stay on the monitor: pair it"
            " with that computer again and fetch them there, or give them up:"
            " heartlog erase --give-up"
        )

    def _on_committed(self, event: events.Committed) -> None:
        self.stored = event.count
        self.beats = event.beats

    def _on_lost(self, event: events.Lost) -> None:
        self.phase = "searching again"
        if self._lost_at is not None:
            return  # still the same interruption: one more look was in vain
        self._lost_at = event.time
        if self.session_id is None:
            self.say(f"Not yet: {event.reason.rstrip('.')}. Trying again ...")
            return
        self.interruptions += 1
        kept = "What was received is stored; the monitor keeps the rest."
        self.say(f"Connection lost: {event.reason.rstrip('.')}. {kept}")

    def _on_finished(self, event: events.Finished) -> None:
        self.finished = True
        self.phase = "finished"
        if event.there:
            self.say("The session was ended at the monitor.")

    def line(self, now: float | None = None) -> str:
        """How it goes, in one line of less than 80 characters."""
        parts = []
        if self.started is not None and now is not None:
            seconds = max(0, int(now - self.started))
            parts.append(f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}")
        parts.append(self.phase)
        parts.append(f"{self.state.beat_count} beats")
        rate = self.state.heart_rate
        parts.append(f"{rate:.0f}/min" if rate else "--/min")
        parts.append(f"signal {self.state.signal_name}{self.state.other_lead}")
        off = [name for name, on in self.state.electrodes() if not on]
        if off:
            parts.append(f"{' '.join(off)} off")
        if self.behind > 20:
            parts.append(f"{self.behind} behind")
        return "   ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            "session": self.session_id,
            "resumed": self.resumed,
            "complete": self.finished,
            "beats": self.beats,
            "records_stored": self.stored,
            "records_missing": self.missing,
            "records_locked": self.locked,
            "interruptions": self.interruptions,
            "fault": self.state.fault or None,
        }
