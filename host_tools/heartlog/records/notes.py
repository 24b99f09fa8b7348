"""What people add to a session: its patient, diary entries, findings, corrections of beats."""

from typing import Any

from sqlalchemy import select

from heartlog.errors import UsageProblem
from heartlog.records.audit import changing
from heartlog.store import BeatKind, NotFound, Store
from heartlog.store.schema import SessionRow
from heartlog.store.schema_clinic import BeatEdit, DiaryEntry, Finding, Patient

SESSION_FIELDS = (
    "patient_id",
    "time_zone",
    "planned_seconds",
    "lead_arrangement",
    "electrode_sites",
    "fitted_by",
    "consent",
    "notes",
    "archived",
)


def edit_session(store: Store, session_id: int, *, who: str = "", **values: Any) -> None:
    """Change what people may change of a session; what was recorded stays as it is."""
    for name in values:
        if name not in SESSION_FIELDS:
            raise UsageProblem(
                f"{name!r} of a session can't be edited.",
                f"These can: {', '.join(SESSION_FIELDS)}.",
            )
    with changing(store, who) as change:
        row = change.db.get(SessionRow, session_id)
        if row is None:
            raise NotFound(f"No session {session_id}.", "List them: heartlog sessions")
        owner = values.get("patient_id")
        if owner is not None and change.db.get(Patient, owner) is None:
            raise NotFound(f"No patient {owner}.", "List them: heartlog patients list")
        change.update(row, **values)


def add_diary(
    store: Store,
    session_id: int,
    at: float,
    symptom: str = "",
    activity: str = "",
    *,
    who: str = "",
) -> DiaryEntry:
    """Add what the patient felt or did at a UNIX time."""
    if not symptom and not activity:
        raise UsageProblem("A diary entry needs a symptom or an activity.", "Write one of them.")
    with changing(store, who) as change:
        _session(change.db, session_id)
        row = DiaryEntry(
            session_id=session_id, at=at, symptom=symptom, activity=activity, entered_by=change.who
        )
        change.add(row)
    return row


def add_finding(
    store: Store,
    session_id: int,
    text: str,
    *,
    starts_at: float | None = None,
    ends_at: float | None = None,
    urgent: bool = False,
    who: str = "",
) -> Finding:
    """Write a finding about the session or a span of it (UNIX seconds)."""
    if not text.strip():
        raise UsageProblem("A finding needs words.", "Write what was seen.")
    with changing(store, who) as change:
        _session(change.db, session_id)
        row = Finding(
            session_id=session_id,
            text=text.strip(),
            starts_at=starts_at,
            ends_at=ends_at,
            urgent=urgent,
            written_by=change.who,
            written_at=change.now,
        )
        change.add(row)
    return row


def archive_finding(store: Store, finding_id: int, *, who: str = "") -> None:
    """Take a finding out of reports; it stays in the store."""
    with changing(store, who) as change:
        row = change.db.get(Finding, finding_id)
        if row is None:
            raise NotFound(f"No finding {finding_id}.", "See them: heartlog review")
        change.update(row, "archive", archived=True)


def findings(store: Store, session_id: int) -> list[Finding]:
    """Return a session's findings in order of time."""
    query = (
        select(Finding)
        .where(Finding.session_id == session_id, Finding.archived.is_(False))
        .order_by(Finding.starts_at.nulls_first(), Finding.id)
    )
    with store.reading() as db:
        return list(db.scalars(query))


def reclassify_beat(
    store: Store,
    session_id: int,
    seq: int,
    boot: int,
    index: int,
    kind: BeatKind,
    reason: str = "",
    *,
    who: str = "",
) -> BeatEdit:
    """Say that a beat is of another kind; the original stays."""
    return _edit(store, session_id, "reclassify", seq, boot, index, kind, reason, who)


def delete_beat(
    store: Store,
    session_id: int,
    seq: int,
    boot: int,
    index: int,
    reason: str = "",
    *,
    who: str = "",
) -> BeatEdit:
    """Take out what is not a beat; the original stays."""
    return _edit(store, session_id, "delete", seq, boot, index, BeatKind.ARTEFACT, reason, who)


def add_beat(
    store: Store,
    session_id: int,
    boot: int,
    index: int,
    kind: BeatKind,
    reason: str = "",
    *,
    who: str = "",
) -> BeatEdit:
    """Add a beat that was missed, at an unwrapped sample index of a boot."""
    return _edit(store, session_id, "add", None, boot, index, kind, reason, who)


def _edit(
    store: Store,
    session_id: int,
    action: str,
    seq: int | None,
    boot: int,
    index: int,
    kind: BeatKind,
    reason: str,
    who: str,
) -> BeatEdit:
    with changing(store, who) as change:
        _session(change.db, session_id)
        row = BeatEdit(
            session_id=session_id,
            action=action,
            seq=seq,
            boot=boot,
            sample_index=index,
            kind=int(kind),
            reason=reason,
            made_by=change.who,
            made_at=change.now,
        )
        change.add(row)
    return row


def undo_edit(store: Store, session_id: int, *, who: str = "") -> BeatEdit | None:
    """Undo the session's last correction that is not undone; return it, None if there is none."""
    query = (
        select(BeatEdit)
        .where(BeatEdit.session_id == session_id, BeatEdit.undone.is_(False))
        .order_by(BeatEdit.id.desc())
    )
    with changing(store, who) as change:
        row = change.db.scalars(query).first()
        if row is not None:
            change.update(row, "undo", undone=True)
    return row


def _session(db: Any, session_id: int) -> SessionRow:
    row: SessionRow | None = db.get(SessionRow, session_id)
    if row is None:
        raise NotFound(f"No session {session_id}.", "List them: heartlog sessions")
    return row
