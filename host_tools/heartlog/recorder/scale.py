"""Rate and scale of a session's ECG, as the monitor's boot records tell them."""

from __future__ import annotations

from heartlog.link import Record
from heartlog.store import Store


class Scale:
    """`rate`: samples/s; `nv_per_code`: nanovolts of one code of the converter, 0 if unknown."""

    def __init__(self) -> None:
        self.rate, self.nv_per_code = 250.0, 0.0

    def of_session(self, store: Store, session_id: int) -> None:
        """As an earlier run stored them: this one may begin behind the boot."""
        session = store.session(session_id)
        self.rate = session.rate
        self.nv_per_code = session.nv_per_code or self.nv_per_code

    def of_boot(self, store: Store, session_id: int, boot: Record) -> None:
        """Takes them from a boot record, and keeps them with the session."""
        rate, picovolts = boot.values.get("rate"), boot.values.get("pv_per_code")
        if rate and picovolts:  # not those of a board whose front end was silent
            self.rate, self.nv_per_code = float(rate), picovolts / 1000
            store.update_session(session_id, rate=self.rate, nv_per_code=self.nv_per_code)
