"""Puts what a self-test or a calibration found into the monitor's equipment record."""

from heartlog.records import equipment
from heartlog.selftest.cable import Calibration
from heartlog.selftest.figures import Report
from heartlog.store import NotFound, Store


def keep(
    store: Store, report: Report, calibration: Calibration | None = None, who: str = ""
) -> str | None:
    """Add a line to the history of the monitor with the report's device id.

    Returns its serial number; None when it is not among the equipment, and nothing was kept.
    """
    try:
        known = equipment.find(store, report.device_id)
    except NotFound:
        return None
    if report.broken_off:
        text = f"Self-test broken off: {report.broken_off}"
    elif report.failed:
        text = "Self-test not passed: " + ", ".join(f.words() for f in report.failed)
    else:
        text = f"Self-test passed, {len(report.figures)} figures"
    equipment.note(
        store,
        known.serial,
        "self-test",
        text,
        passed=report.passed,
        values=report.values(),
        who=who,
    )
    if calibration is not None:
        equipment.note(
            store,
            known.serial,
            "calibration",
            calibration.words(),
            passed=True,
            values={
                "date": calibration.date,
                "source": calibration.source,
                "gain_ppm": list(calibration.gain_ppm),
                "offset_codes": list(calibration.offset_codes),
                "rate_ppm": calibration.rate_ppm,
            },
            who=who,
        )
    return known.serial
