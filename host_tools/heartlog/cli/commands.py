"""The table of all commands: add a line here, and `heartlog` has the command.

A line names the module and the attribute that implement the command; it is imported only when the
command is run, so `heartlog --help` and shell completion stay quick however heavy a command is.
The attribute is a plain function with Typer's annotations (one command) or a `typer.Typer` (a
command with commands of its own)::

    Entry("compare", "heartlog.compare.cli:compare", "Two sessions side by side.", REVIEW)
"""

from __future__ import annotations

from typing import NamedTuple

RECORD = "Record"
REVIEW = "Review and report"
KEEP = "Keep and share"
DEVICE = "Monitors and firmware"
PANELS = (RECORD, REVIEW, KEEP, DEVICE)
"""The headings, in the order of `heartlog --help`; within one, commands stand as in `ENTRIES`."""


class Entry(NamedTuple):
    """One command of `heartlog`."""

    name: str
    target: str
    """`module:attribute`, imported when the command is run."""
    help: str
    """One line, at most 60 characters: what it does."""
    panel: str
    """The heading in `heartlog --help` under which it is listed."""


ENTRIES: tuple[Entry, ...] = (
    Entry("scan", "heartlog.cli.scan:scan", "Find monitors in range.", RECORD),
    Entry("pair", "heartlog.security.cli:pair", "Pair a monitor with this computer.", DEVICE),
    Entry("keys", "heartlog.security.cli:keys_app", "The keys of paired monitors.", DEVICE),
    Entry("wipe", "heartlog.security.wipe:wipe", "A monitor forgets everything.", DEVICE),
    Entry("sheet", "heartlog.sheet.cli:sheet", "Print the patient's page.", KEEP),
    Entry(
        "evaluate",
        "heartlog.evaluation.command:evaluate",
        "Score the detector on ECG records, beat by beat.",
        DEVICE,
    ),
    Entry("record", "heartlog.cli.record:record", "Record a session from a monitor.", RECORD),
    Entry("live", "heartlog.cli.live:live", "Heart rate, signal and ECG as they come.", RECORD),
    Entry("demo", "heartlog.demo.command:demo", "The whole product on a real ECG.", DEVICE),
    Entry(
        "bench",
        "heartlog.rig.cli:bench",
        "Production test of a monitor, with certificate.",
        DEVICE,
    ),
    Entry("device", "heartlog.device.cli:app", "Flash a board, look into it.", DEVICE),
    Entry("selftest", "heartlog.selftest.cli:selftest", "A monitor tests itself.", RECORD),
    Entry("fit", "heartlog.fit.cli:fit", "Fit a monitor, step by step.", RECORD),
    Entry("fetch", "heartlog.cli.fetch:fetch", "Take what a monitor still holds.", RECORD),
    Entry("erase", "heartlog.cli.erase:erase", "Erase a monitor that was fetched.", RECORD),
    Entry("identify", "heartlog.cli.erase:identify", "Let one show its light.", RECORD),
    Entry("settings", "heartlog.cli.settings:settings", "Alarms and other settings.", RECORD),
    Entry("sessions", "heartlog.cli.sessions:sessions", "List the recorded sessions.", REVIEW),
    Entry("show", "heartlog.cli.show:show", "One session: summary, trend, picture.", REVIEW),
    Entry("review", "heartlog.review.cli:review", "Look through, correct, write.", REVIEW),
    Entry(
        "report", "heartlog.report.cli:report", "The report of a session: PDF and HTML.", REVIEW
    ),
    Entry("compare", "heartlog.compare.cli:compare", "Sessions side by side.", REVIEW),
    Entry(
        "session", "heartlog.records.cli_session:session", "Add diary, findings, notes.", REVIEW
    ),
    Entry("reanalyse", "heartlog.analysis.cli:reanalyse", "A whole archive anew.", REVIEW),
    Entry("patients", "heartlog.records.cli_patients:patients", "The files of patients.", KEEP),
    Entry("equipment", "heartlog.records.cli_equipment:equipment", "Look after monitors.", KEEP),
    Entry("export", "heartlog.export.cli:export", "As WFDB, EDF+, CSV, FHIR or JSON.", KEEP),
    Entry("import", "heartlog.importing.cli:import_", "Read WFDB, EDF+ or RR text.", KEEP),
    Entry("share", "heartlog.share.cli:share", "Sessions in one encrypted file.", KEEP),
    Entry("store", "heartlog.store.cli:store", "Back up, restore, encrypt, check, audit.", KEEP),
)
