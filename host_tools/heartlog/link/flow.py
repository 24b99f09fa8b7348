"""The record stream without any radio: frames in, records in order and replies out.

    flow = RecordFlow(boot=3, journal=0x1234, after=committed)
    send(flow.report())                       # and again whenever flow.must_report
    batch = flow.receive(frame)               # for each notification
    commit(batch.records)                     # consecutive numbers, none twice
    if (grant := flow.grant()): send(grant)   # credits, when it is time

What the batch says is final: `records` continue the sequence, except for what `missing` names,
which does not exist any more on the monitor, and what `locked` names, which is there and sealed
under a key that this computer does not hold: it must not be acknowledged. `early` are records
that arrived ahead of their turn (live ones while a backlog is fetched): to be shown, not stored;
they come again in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from heartlog._firmware.monitor.link import wire
from heartlog._firmware.monitor.link.unpack import Unpacker
from heartlog.link.records import Record, decode
from heartlog.security.journal import JournalKeys, SealedPage

WINDOW = 24
"""Frames that may be under way: 24 x 244 bytes is more than a connection event carries."""


@dataclass(slots=True)
class Batch:
    """What one frame brought."""

    records: list[Record] = field(default_factory=list)
    early: list[Record] = field(default_factory=list)
    missing: list[tuple[int, int]] = field(default_factory=list)
    """(first, last) of numbers that the monitor no longer has."""
    locked: list[tuple[int, int]] = field(default_factory=list)
    """(first, last) of numbers that are sealed under a key which is not this host's. Some of them
    may not exist: what lies between two pages of others can't be told from them."""
    newest: int = 0
    """The highest number that the monitor is known to have given, 0 if the frame told none."""

    def extend(self, later: Batch) -> None:
        """Adds what a later frame brought."""
        self.records += later.records
        self.early += later.early
        self.missing += later.missing
        self.locked += later.locked
        self.newest = max(self.newest, later.newest)

    def __bool__(self) -> bool:
        return bool(self.records or self.early or self.missing or self.locked)


class RecordFlow:
    """One connection's record stream; `next_seq` is the number that is needed next."""

    def __init__(
        self,
        boot: int,
        journal: int,
        after: int,
        window: int = WINDOW,
        keys: JournalKeys | None = None,
    ) -> None:
        self.boot = boot
        self.journal = journal
        self.next_seq = after + 1
        self.window = window
        self.must_report = True
        """The stream must be begun, or begun again: send `report()`."""
        self.lost_frames = 0
        self.damaged_pages = 0
        self.locked_pages = 0
        """Pages that are sealed under a key which `keys` does not hold."""
        self.locked: list[tuple[int, int]] = []
        """The numbers of such pages, as far as they were passed."""
        self.locked_keys: set[int] = set()
        """The keys they want (`heartlog.security.journal.key_id`)."""
        self.unreadable = 0
        """Frames that are no frames of ours (bad length, unknown version)."""
        self._counter: int | None = None
        self._granted_at = -1
        self._keys = keys
        self._page: Unpacker | None = None
        self._sealed = SealedPage(keys, journal)
        self._locked = False  # a page since the last record
        self._number = -1
        self._waiting = True  # pages under way belong to a stream that was given up

    def report(self, tag: int = 0) -> bytes:
        """The command that begins the stream at the number needed next."""
        self.must_report = False
        self._waiting = True
        self._page = None
        return bytes(wire.command(wire.REPORT, tag, wire.GREATER_OR_EQUAL, self.next_seq))

    def jump(self, seq: int) -> None:
        """What comes before `seq` is not needed: the stream is begun anew there."""
        if seq > self.next_seq:
            self.next_seq = seq
            self.must_report = True
            self._locked = False

    def go_on_from(self, earlier: RecordFlow) -> None:
        """This is another stream of the same connection: its frames are counted on."""
        self._counter = earlier._counter

    def reported(self) -> None:
        """The monitor has answered `report()` with OK: what comes now continues the sequence."""
        self._waiting = False

    @property
    def taken(self) -> int:
        """Frames taken since the connection began, modulo 2^16."""
        return 0 if self._counter is None else (self._counter + 1) & 0xFFFF

    def grant(self, tag: int = 0, ecg: int = 0, force: bool = False) -> bytes | None:
        """The credits to send when half a window was taken since the last time (or `force`),
        else None. `ecg`: ECG frames taken (`EcgFlow.taken`)."""
        taken = self.taken
        few = (taken - self._granted_at) & 0xFFFF < self.window // 2
        if self._granted_at >= 0 and few and not force:
            return None
        self._granted_at = taken
        return bytes(wire.command(wire.GRANT, tag, taken, ecg, self.window))

    def receive(self, frame: bytes) -> Batch:
        """Takes one notification of the records characteristic. Never raises."""
        batch = Batch()
        try:
            version, kind, counter = wire.head(frame)
            if version != wire.VERSION:
                raise wire.WireError("unknown version")
            self._count(counter)
            if kind == wire.FRAME_LIVE:
                self._live(wire.live_records(frame), batch)
            elif kind == wire.FRAME_PAGE:
                number, offset, _, data = wire.part(frame)
                self._part(number, offset, data, batch)
            elif kind == wire.FRAME_IDLE:
                batch.newest = wire.number(frame, 0) - 1
            elif kind == wire.FRAME_SKIP:
                self._skip(wire.number(frame, 0), wire.number(frame, 1), batch)
        except wire.WireError:
            self.unreadable += 1
            self.must_report = True
        return batch

    def _count(self, counter: int) -> None:
        expected = 0 if self._counter is None else (self._counter + 1) & 0xFFFF
        if counter != expected:
            self.lost_frames += (counter - expected) & 0xFFFF
            self.must_report = True
            self._waiting = True
        self._counter = counter

    def _live(self, found: list[tuple[int, int, bytes]], batch: Batch) -> None:
        for seq, kind, body in found:
            batch.newest = seq
            if seq < self.next_seq:
                continue
            record = decode(seq, kind, body, self.boot)
            if seq == self.next_seq:
                batch.records.append(record)
                self.next_seq += 1
            else:
                batch.early.append(record)

    def _part(self, number: int, offset: int, data: bytes, batch: Batch) -> None:
        if self._waiting:
            return
        if offset == 0:
            self._page = Unpacker(journal=self.journal)
            self._sealed = SealedPage(self._keys, self.journal)
            self._number = number
        page = self._page
        if page is None or number != self._number or offset != len(self._sealed):
            self.must_report = True
            self._waiting = True
            return
        damaged, locked = page.damaged, self._sealed.locked
        page.feed(self._sealed.feed(data))
        for seq, kind, body in page.records():
            batch.newest = seq
            if seq < self.next_seq:
                continue
            if seq > self.next_seq:
                self._miss(seq, batch)
            batch.records.append(decode(seq, kind, body, page.boot))
            self.next_seq = seq + 1
        if page.damaged and not damaged:
            self.damaged_pages += 1
        if self._sealed.locked and not locked:
            self.locked_pages += 1
            self.locked_keys.add(self._sealed.ident)
            self._locked = True

    def _skip(self, first: int, following: int, batch: Batch) -> None:
        if not self._waiting and first <= self.next_seq < following:
            self._miss(following, batch)
            self.next_seq = following

    def _miss(self, following: int, batch: Batch) -> None:
        gone = (self.next_seq, following - 1)
        if self._locked:
            batch.locked.append(gone)
            self.locked.append(gone)
        else:
            batch.missing.append(gone)
        self._locked = False
