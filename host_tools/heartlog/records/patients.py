"""Patients: add, find, edit, merge duplicates, archive."""

import datetime as dt
import shlex
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError

from heartlog.errors import UsageProblem
from heartlog.records.audit import changing
from heartlog.store import NotFound, Store
from heartlog.store.schema import SessionRow
from heartlog.store.schema_clinic import Fitting, Patient

EDITABLE = (
    "identifier",
    "name",
    "birth_date",
    "sex",
    "indication",
    "notes",
    "pacemaker",
)
SEXES = ("", "female", "male", "other", "unknown")


def folded(*texts: str) -> str:
    """Return text for searching: lower case, accents removed (ü is found by u and by ü)."""
    joined = " ".join(texts).casefold()
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", joined) if not unicodedata.combining(c)
    )
    return joined if plain == joined else f"{joined} {plain}"


ONE_LINE = ("identifier", "name", "birth_date", "sex")


def in_one_line(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with those that stand in lists freed of line ends, tabs and other controls."""
    out = dict(values)
    for name in ONE_LINE:
        if isinstance(out.get(name), str):
            plain = (" " if unicodedata.category(c) == "Cc" else c for c in out[name])
            out[name] = " ".join("".join(plain).split())
    return out


def check(values: dict[str, Any]) -> None:
    """Raise UsageProblem naming the first value that can't be."""
    for name in values:
        if name not in EDITABLE:
            raise UsageProblem(
                f"A patient has no {name!r}.", f"Choose from: {', '.join(EDITABLE)}."
            )
    if "identifier" in values and not str(values["identifier"]).strip():
        raise UsageProblem("A patient needs an identifier.", "Give the one your house uses.")
    birth = values.get("birth_date")
    if birth:
        try:
            day = dt.date.fromisoformat(birth)
        except ValueError:
            raise UsageProblem(
                f"{birth!r} is not a date of birth.", "Write it as 1956-03-14."
            ) from None
        if not dt.date(1870, 1, 1) <= day <= dt.datetime.now(dt.UTC).date():
            raise UsageProblem(f"Nobody was born on {birth}.", "Check the year.")
    if values.get("sex", "") not in SEXES:
        raise UsageProblem(
            f"{values['sex']!r} is not a sex that is known.", f"Choose: {', '.join(SEXES[1:])}."
        )


def add(store: Store, *, who: str = "", **values: Any) -> Patient:
    """Add a patient; the identifier must be new."""
    values = {"identifier": "", **in_one_line(values)}
    check(values)
    try:
        with changing(store, who) as change:
            row = Patient(created_at=change.now, updated_at=change.now, **values)
            row.search = folded(row.identifier, row.name or "", row.birth_date or "")
            change.add(row)
    except IntegrityError:
        raise UsageProblem(
            f"There is a patient {values['identifier']} already.",
            f"See: heartlog patients show {values['identifier']}",
        ) from None
    return row


def get(store: Store, patient_id: int) -> Patient:
    """Return a patient; one that was merged leads to the one it was merged into."""
    with store.reading() as db:
        row = db.get(Patient, patient_id)
        while row is not None and row.merged_into is not None:
            row = db.get(Patient, row.merged_into)
    if row is None:
        raise NotFound(f"No patient {patient_id}.", "List them: heartlog patients list")
    return row


def by_identifier(store: Store, identifier: str) -> Patient:
    """Return the patient with an identifier; follows a merge."""
    with store.reading() as db:
        row = db.scalars(select(Patient).where(Patient.identifier == identifier)).first()
    if row is None:
        close = search(store, identifier, limit=3)
        add = f"heartlog patients add {shlex.quote(identifier)}"
        hint = f"List them: heartlog patients list; or add this one: {add}"
        if close:
            hint = f"Did you mean {', '.join(p.identifier for p in close)}? {hint}"
        raise NotFound(f"No patient {identifier!r} in {store.where}.", hint)
    return get(store, row.id)


def search(
    store: Store, text: str = "", *, archived: bool = False, limit: int = 50, offset: int = 0
) -> list[Patient]:
    """Return patients whose identifier, name or birth date holds every word."""
    where: list[ColumnElement[bool]] = [Patient.merged_into.is_(None)]
    if not archived:
        where.append(Patient.archived.is_(False))
    for word in text.casefold().split():
        where.append(Patient.search.contains(word, autoescape=True))
    query = select(Patient).where(*where).order_by(Patient.name, Patient.identifier)
    with store.reading() as db:
        return list(db.scalars(query.limit(limit).offset(offset)))


def count(store: Store) -> int:
    """Return how many patients there are, archived ones too."""
    with store.reading() as db:
        query = select(func.count()).select_from(Patient).where(Patient.merged_into.is_(None))
        return int(db.execute(query).scalar_one())


def edit(store: Store, patient_id: int, *, who: str = "", **values: Any) -> Patient:
    """Change a patient's data."""
    values = in_one_line(values)
    check(values)
    try:
        with changing(store, who) as change:
            row = change.db.get(Patient, patient_id)
            if row is None:
                raise NotFound(f"No patient {patient_id}.", "List them: heartlog patients list")
            if change.update(row, **values):
                row.updated_at = change.now
                row.search = folded(row.identifier, row.name, row.birth_date)
    except IntegrityError:
        raise UsageProblem(
            f"There is a patient {values['identifier']} already.",
            "If both are the same person, merge them: heartlog patients merge KEEP OTHER",
        ) from None
    return row


def archive(store: Store, patient_id: int, *, back: bool = False, who: str = "") -> None:
    """Put a patient out of sight (nothing is deleted), or `back`."""
    with changing(store, who) as change:
        row = change.db.get(Patient, patient_id)
        if row is None:
            raise NotFound(f"No patient {patient_id}.", "List them: heartlog patients list")
        change.update(row, "unarchive" if back else "archive", archived=not back)


def merge(store: Store, keep: int, other: int, *, who: str = "") -> Patient:
    """Move all of `other` to `keep`; what `keep` lacks is filled from `other`.

    The other's row stays, marked as merged, so that its identifier still leads here.
    """
    if keep == other:
        raise UsageProblem("A patient can't be merged into itself.", "Name two patients.")
    with changing(store, who) as change:
        a, b = change.db.get(Patient, keep), change.db.get(Patient, other)
        if a is None or b is None or b.merged_into is not None:
            missing = keep if a is None else other
            raise NotFound(f"No patient {missing}.", "List them: heartlog patients list")
        for name in ("name", "birth_date", "sex", "indication"):
            if not getattr(a, name) and getattr(b, name):
                change.update(a, "merge", **{name: getattr(b, name)})
        if b.notes and b.notes not in a.notes:
            change.update(a, "merge", notes="\n".join(x for x in (a.notes, b.notes) if x))
        if b.pacemaker and not a.pacemaker:
            change.update(a, "merge", pacemaker=True)
        for table in (SessionRow, Fitting):
            change.db.execute(
                update(table).where(table.patient_id == other).values(patient_id=keep)
            )
        change.update(b, "merge", merged_into=keep, archived=True)
        a.updated_at = change.now
        a.search = folded(a.identifier, a.name, a.birth_date, b.identifier)
    return a


def likely_duplicates(store: Store, limit: int = 50) -> list[tuple[Patient, Patient]]:
    """Return pairs with the same name and birth date, for a person to judge."""
    one, two = Patient, Patient.__table__.alias("two")
    query = (
        select(one.id, two.c.id)
        .join(two, (func.lower(one.name) == func.lower(two.c.name)) & (one.id < two.c.id))
        .where(
            one.birth_date == two.c.birth_date,
            one.name != "",
            one.merged_into.is_(None),
            two.c.merged_into.is_(None),
        )
        .limit(limit)
    )
    with store.reading() as db:
        pairs = db.execute(query).all()
    return [(get(store, a), get(store, b)) for a, b in pairs]
