"""Reads a session back: beats as arrays, other records in order, times fitted.

timeline = Timeline.load(db, session_id)
timeline.beats                  # numpy array of types.BEAT
timeline.of("gap")              # rows with .index, .time and .fields
timeline.fits                   # one ClockFit for each boot
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session as Db

from heartlog._firmware.monitor.link import wire
from heartlog.store.clockfit import ClockFit, fit_clock, guess_clock
from heartlog.store.errors import NotFound
from heartlog.store.ingest import check_chunk, in_order
from heartlog.store.pace import Pace
from heartlog.store.schema import BeatChunk, RecordRow, SessionRow
from heartlog.store.types import BEAT, HUMAN, PACKED_BEAT, Beats

WRAP = 2**32


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with its place: unwrapped sample index, boot within the session, fitted time."""

    seq: int | None
    kind: str
    boot: int
    index: int | None
    time: float
    """UNIX seconds, fitted; where a record has no sample index, when it was received."""
    fields: dict[str, Any]
    received_at: float
    journal: int = 0
    raw: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of a session in order."""

    beats: Beats
    records: tuple[Placed, ...]
    fits: tuple[ClockFit, ...]

    def of(self, *kinds: str) -> list[Placed]:
        """Return the records of these kinds, in order."""
        return [r for r in self.records if r.kind in kinds]

    def fit_for(self, device_boot: int, journal: int = 0) -> ClockFit | None:
        """Return the clock of a boot by the device's own numbers, as ECG runs carry them."""
        for fit in self.fits:
            if (fit.device_boot, fit.journal) == (device_boot, journal):
                return fit
        return None

    @staticmethod
    def load(db: Db, session_id: int) -> "Timeline":
        """Read a session; raise NotFound if there is none."""
        session = db.get(SessionRow, session_id)
        if session is None:
            raise NotFound(f"No session {session_id}.", "List them: heartlog sessions")
        rows = _record_rows(db, session_id)
        journals = _journals(db, session_id, rows)
        parts: list[Beats] = []
        placed: list[Placed] = []
        fits: list[ClockFit] = []
        origin = session.started_at
        for journal in journals:
            packed = packed_beats(db, session_id, journal)
            mine = [r for r in rows if r.journal == journal]
            for boot_beats, boot_rows, device_boot in _boots(packed, mine):
                beats, located, fit = _one_boot(
                    boot_beats, boot_rows, len(fits), float(session.rate), origin
                )
                parts.append(beats)
                placed += located
                fits.append(replace(fit, device_boot=device_boot, journal=journal))
                ends = [t.time for t in located[-1:]] + list(beats["time"][-1:])
                origin = max([origin, *map(float, ends)])
        _put_before(parts, placed, fits)
        beats = np.concatenate(parts) if parts else np.zeros(0, BEAT)
        return Timeline(beats, tuple(placed), tuple(fits))


def _put_before(parts: list[Beats], placed: list[Placed], fits: list[ClockFit]) -> None:
    """Starts of the monitor that no host met lie before the first one whose time is known.

    They were guessed to begin with the session, which may begin where a host came: then they
    would lie over what came later. They are moved to end where the next one begins, at the latest.
    """
    first = next((n for n, fit in enumerate(fits) if fit.known), -1)
    limit: float | None = None
    for number in range(first, -1, -1):
        mine = [n for n, r in enumerate(placed) if r.boot == number and r.index is not None]
        beats = parts[number]
        times = [placed[n].time for n in mine] + [
            float(t) for t in beats["time"][[0, -1][: len(beats)]]
        ]
        if not times:
            continue
        shift = 0.0 if limit is None else min(0.0, limit - max(times))
        if shift:
            for name in ("time", "raw_time"):
                beats[name] += shift
            for n in mine:
                placed[n] = replace(placed[n], time=placed[n].time + shift)
            fits[number] = fits[number].moved(shift)
        limit = min(times) + shift


def packed_beats(db: Db, session_id: int, journal: int) -> Beats:
    """Return one journal's beats as stored (PACKED_BEAT), in order of sequence number."""
    rows = db.execute(
        select(BeatChunk.first_seq, BeatChunk.count, BeatChunk.crc, BeatChunk.data)
        .where(BeatChunk.session_id == session_id, BeatChunk.journal == journal)
        .order_by(BeatChunk.first_seq)
    ).all()
    for first, count, crc, data in rows:
        check_chunk(session_id, first, count, crc, data)
    return in_order(np.frombuffer(b"".join(row[3] for row in rows), PACKED_BEAT))


def _record_rows(db: Db, session_id: int) -> Sequence[Any]:
    r = RecordRow
    columns = (r.seq, r.kind, r.sample, r.received_at, r.fields, r.journal, r.boot, r.raw)
    order = (r.journal, r.seq.nulls_last(), r.received_at, r.id)
    return db.execute(select(*columns).where(r.session_id == session_id).order_by(*order)).all()


def _journals(db: Db, session_id: int, rows: Sequence[Any]) -> list[int]:
    """Return the session's journals in order of arrival: a board may be erased half way."""
    from sqlalchemy import func

    first_seen: dict[int, int] = {}
    found = db.execute(
        select(BeatChunk.journal, func.min(BeatChunk.id))
        .where(BeatChunk.session_id == session_id)
        .group_by(BeatChunk.journal)
    ).all()
    for journal, at in found:
        first_seen[int(journal)] = int(at)
    for row in rows:
        first_seen.setdefault(int(row.journal), 2**62)
    return sorted(first_seen, key=lambda j: first_seen[j])


def _boots(packed: Beats, rows: list[Any]) -> list[tuple[Beats, list[Any], int]]:
    """Split a journal's beats and records by the device's boots, in order."""
    cuts = np.flatnonzero(np.diff(packed["boot"].astype(np.int64))) + 1
    pieces: dict[int, list[Beats]] = {}
    for piece in np.split(packed, cuts):
        if len(piece):
            pieces.setdefault(int(piece["boot"][0]), []).append(piece)
    of_boot: dict[int, list[Any]] = {}
    for row in rows:
        of_boot.setdefault(int(row.boot), []).append(row)
    empty = [np.zeros(0, PACKED_BEAT)]
    return [
        (np.concatenate(pieces.get(boot, empty)), of_boot.get(boot, []), boot)
        for boot in sorted(pieces.keys() | of_boot.keys())
    ]


def _one_boot(
    packed: Beats, rows: list[Any], number: int, default_rate: float, origin: float
) -> tuple[Beats, list[Placed], ClockFit]:
    boot_row = next((r for r in rows if r.kind == "boot"), None)
    rate = float((boot_row.fields.get("rate") if boot_row else None) or default_rate)
    # Near the boot record, so that a peak found just before the first sample is a small negative.
    near = int(boot_row.sample) if boot_row is not None and boot_row.sample is not None else None
    beat_index = unwrap(packed["sample"], near)
    # int64 and contiguous, or every search below would convert the whole column again.
    located = _locate(rows, packed["seq"].astype(np.int64), beat_index, rate)
    pace = _pace(located, rate)
    syncs = [(i, r) for i, r in located if r.kind == "sync" and i is not None and _host(r)]
    if syncs:
        fit = fit_clock(
            [i for i, _ in syncs],
            [float(r.fields["host_time"]) for _, r in syncs],
            [float(r.fields.get("uncertainty_ms") or 50.0) for _, r in syncs],
            rate,
            number,
            pace,
        )
    else:
        firsts = [i for i, _ in located if i is not None] + [int(v) for v in beat_index[:1]]
        fit = guess_clock(min(firsts, default=0), origin, rate, number, pace)
    beats = np.zeros(len(packed), BEAT)
    beats["index"] = beat_index
    beats["time"] = fit.time(beat_index)
    beats["raw_time"] = fit.raw_time(beat_index)
    beats["seq"] = packed["seq"]
    beats["rr_ms"] = packed["rr"] * (1000.0 / rate)
    beats["boot"] = number
    for name in ("amplitude_uv", "width_ms", "flags", "confidence", "kind"):
        beats[name] = packed[name]
    placed = [
        Placed(
            r.seq,
            r.kind,
            number,
            i,
            float(fit.time(i)) if i is not None else float(r.received_at),
            dict(r.fields),
            float(r.received_at),
            int(r.journal),
            r.raw,
        )
        for i, r in located
    ]
    return beats, placed, fit


def _pace(located: list[tuple[int | None, Any]], rate: float) -> Pace:
    """The front end's clock by what the monitor noted of its crystal."""
    notes, gaps = [], []
    for i, r in located:
        if i is not None and r.kind == "note" and r.fields.get("counter") == wire.NOTE_CRYSTAL:
            notes.append((i, int(r.fields.get("value") or 0)))
        elif i is not None and r.kind == "gap":
            gaps.append((i, int(r.fields.get("lost") or 0)))
    return Pace.of(notes, gaps, rate)


def _host(row: Any) -> bool:
    return row.fields.get("host_time") is not None


def unwrap(samples: npt.ArrayLike, near: int | None = None) -> npt.NDArray[np.int64]:
    """Return u32 sample indices, in order of sequence, without their wraps at 2^32.

    Steps are taken as the shorter way round, so that a beat found late (a small step back) does
    not look like a wrap. `near` is an unwrapped index that the first one lies close to.
    """
    raw = np.asarray(samples).astype(np.int64)
    if len(raw) == 0:
        return raw
    first = int(raw[0]) if near is None else near + _short(int(raw[0]) - near)
    steps = np.diff(raw)
    steps = (steps + WRAP // 2) % WRAP - WRAP // 2
    return np.concatenate(([0], np.cumsum(steps))) + first


def _short(step: int) -> int:
    return (step + WRAP // 2) % WRAP - WRAP // 2


def _locate(
    rows: list[Any], beat_seq: npt.NDArray[Any], beat_index: npt.NDArray[np.int64], rate: float
) -> list[tuple[int | None, Any]]:
    """Unwrap each record's sample near the beat (or record) that precedes it."""
    out: list[tuple[int | None, Any]] = []
    near = int(beat_index[0]) if len(beat_index) else None
    last_sync: tuple[int, float] | None = None
    for row in rows:
        if row.sample is None:
            out.append((None, row))
            continue
        if row.seq is not None and len(beat_seq):
            at = max(int(np.searchsorted(beat_seq, row.seq)) - 1, 0)
            near = int(beat_index[at])
        elif row.seq is None and last_sync is not None and _host(row):
            near = last_sync[0] + round((row.fields["host_time"] - last_sync[1]) * rate)
        index = int(row.sample) if near is None else near + _short(int(row.sample) - near)
        if row.kind == "sync" and _host(row):
            last_sync = (index, float(row.fields["host_time"]))
        near = index
        out.append((index, row))
    return out


def apply_edits(beats: Beats, edits: Sequence[Any]) -> Beats:
    """Return beats with people's corrections (added, deleted, reclassified), originals untouched.

    RR intervals are taken anew around each change; the beats concerned carry the flag HUMAN.
    """
    if not edits:
        return beats
    out = beats.copy()
    keep = np.ones(len(out), bool)
    added: list[Any] = []
    for edit in edits:
        if edit.action == "add":
            one = np.zeros(1, BEAT)[0]
            one["index"], one["boot"], one["kind"] = edit.sample_index, edit.boot, edit.kind
            one["seq"], one["flags"], one["confidence"] = -int(edit.id), HUMAN, 100
            added.append(one)
            continue
        hit = np.flatnonzero((out["seq"] == edit.seq) & (out["boot"] == edit.boot))
        if edit.action == "delete":
            keep[hit] = False
        else:
            out["kind"][hit] = edit.kind
            out["flags"][hit] |= HUMAN
    if bool(keep.all()) and not added:
        return out
    return _with_new_intervals(out, keep, added)


def _with_new_intervals(out: Beats, keep: npt.NDArray[np.bool_], added: list[Any]) -> Beats:
    from heartlog.store.types import AFTER_GAP

    changed = np.zeros(len(out), bool)
    changed[1:] = ~keep[:-1]
    merged = np.concatenate([out[keep], np.array(added, BEAT)])
    touched = np.concatenate([changed[keep], np.ones(len(added), bool)])
    order = np.lexsort((merged["index"], merged["boot"]))
    merged, touched = merged[order], touched[order]
    touched[1:] |= touched[:-1] & ((merged["flags"][:-1] & HUMAN) != 0)
    for i in np.flatnonzero(touched):
        place_between(merged, int(i))
        gap = (int(merged["flags"][i]) & AFTER_GAP) != 0
        same = i > 0 and merged["boot"][i] == merged["boot"][i - 1]
        step = (merged["raw_time"][i] - merged["raw_time"][i - 1]) * 1000.0 if same else 0.0
        merged["rr_ms"][i] = 0.0 if gap else step
    return merged


def place_between(beats: Beats, i: int) -> None:
    """Give an added beat (time 0) its times from the beats next to it in the same boot."""
    if beats["time"][i] != 0.0:
        return
    mates = np.flatnonzero((beats["boot"] == beats["boot"][i]) & (beats["time"] != 0.0))
    if len(mates) == 0:
        return
    x, index = beats["index"][mates].astype(np.float64), float(beats["index"][i])
    for name in ("time", "raw_time"):
        y = beats[name][mates]
        nearest = int(np.argmin(np.abs(x - index)))
        slope = (y[-1] - y[0]) / (x[-1] - x[0]) if x[-1] != x[0] else 0.004
        beats[name][i] = y[nearest] + (index - x[nearest]) * slope
