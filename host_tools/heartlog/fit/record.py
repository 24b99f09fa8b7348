"""A fitting as it is kept: the step it is at, the answers given, every reading taken."""

import time
from typing import Any

from sqlalchemy import select

from heartlog.store import NotFound, Store
from heartlog.store.schema_clinic import FitReading, Fitting
from heartlog.store.who import current_user

STEPS = (
    "patient",
    "preparation",
    "arrangement",
    "contact",
    "signal",
    "strip",
    "button",
    "clock",
    "start",
)


class FittingRecord:
    """One fitting in the store; each call is committed, so a fitting survives anything."""

    def __init__(self, store: Store, fitting_id: int) -> None:
        self.store = store
        self.id = fitting_id

    @staticmethod
    def begin(store: Store, patient_id: int | None = None, who: str = "") -> "FittingRecord":
        """Begin a new one."""
        with store.writing() as db:
            row = Fitting(
                patient_id=patient_id,
                done_by=who or current_user(),
                started_at=time.time(),
                step=STEPS[0],
                answers={},
            )
            db.add(row)
            db.flush()
            return FittingRecord(store, row.id)

    @staticmethod
    def unfinished(store: Store) -> "FittingRecord | None":
        """Return the newest fitting that was begun and not finished."""
        query = select(Fitting.id).where(Fitting.finished_at.is_(None)).order_by(Fitting.id.desc())
        with store.reading() as db:
            number = db.scalars(query).first()
        return None if number is None else FittingRecord(store, number)

    def row(self) -> Fitting:
        """Return the fitting as it is now."""
        with self.store.reading() as db:
            found = db.get(Fitting, self.id)
        if found is None:
            raise NotFound(f"No fitting {self.id}.", "Begin one: heartlog fit")
        return found

    def readings(self, step: str | None = None) -> list[FitReading]:
        """Return every reading in order."""
        query = select(FitReading).where(FitReading.fitting_id == self.id).order_by(FitReading.id)
        if step is not None:
            query = query.where(FitReading.step == step)
        with self.store.reading() as db:
            return list(db.scalars(query))

    def set(self, **values: Any) -> None:
        """Set columns; `answers` are added to those given before."""
        with self.store.writing() as db:
            row = db.get_one(Fitting, self.id)
            answers = values.pop("answers", None)
            if answers:
                row.answers = {**row.answers, **answers}
            for name, value in values.items():
                setattr(row, name, value)

    def done(self, step: str) -> None:
        """Go on to the step after `step`; after the last one the fitting is finished."""
        at = STEPS.index(step) + 1
        if at < len(STEPS):
            self.set(step=STEPS[at])
        else:
            self.set(step="done", finished_at=time.time())

    def reading(
        self,
        step: str,
        *,
        good: bool,
        electrode: str = "",
        values: dict[str, Any] | None = None,
        advice: str = "",
    ) -> None:
        """Keep one reading, good or not."""
        with self.store.writing() as db:
            db.add(
                FitReading(
                    fitting_id=self.id,
                    at=time.time(),
                    step=step,
                    electrode=electrode,
                    good=good,
                    values=values or {},
                    advice=advice,
                )
            )
