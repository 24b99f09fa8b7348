"""Prints results: a row a record, what the total means, and the line TOTAL; or all as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartlog.evaluation.evaluate import Result, Total

HEADINGS = (
    f"{'record':<12}{'lead':<8}{'beats':>8}{'TP':>8}{'FP':>6}{'FN':>6}{'Se %':>8}{'PPV %':>8}"
    f"{'R err ms':>10}{'95 %':>7}{'late ms':>9}{'97 %':>7}{'V':>6}{'V Se':>7}{'V PPV':>7}"
)


def row(result: Result) -> str:
    """One line for a record; `R err` is the median of |R peak - reference|, then its 95 %."""
    name, lead = result.recording.name, result.recording.lead
    late = _pair(result.latency_ms, 50, 97)
    if result.score is None:
        text = f"{len(result.peaks)} beats detected; no reference to score against"
        return f"{_fit(name, 11)} {_fit(lead, 7)} {text}"
    one = Total()
    one.add(result)
    c = one.counts
    position = _pair(np.abs(result.position_ms), 50, 95)
    return (
        f"{_fit(name, 11)} {_fit(lead, 7)} {c.beats:>7}{c.tp:>8}{c.fp:>6}{c.fn:>6}"
        f"{_number(c.se):>8}{_number(c.ppv):>8}"
        f"{position[0]:>10}{position[1]:>7}{late[0]:>9}{late[1]:>7}{_ventricular(result)}"
    )


def _ventricular(result: Result) -> str:
    classes = result.ventricular
    if classes is None:
        return f"{'paced':>6}"
    return f"{classes.tp + classes.fn:>6}{_number(classes.se, 1):>7}{_number(classes.ppv, 1):>7}"


def _fit(text: str, width: int) -> str:
    return f"{text if len(text) <= width else text[: width - 1] + '…':<{width}}"


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _pair(values: Any, low: float, high: float) -> tuple[str, str]:
    if not len(values):
        return "-", "-"
    return f"{np.percentile(values, low):.1f}", f"{np.percentile(values, high):.1f}"


def summary(total: Total) -> list[str]:
    """The lines above TOTAL: where the R peaks lie, and how late beats are delivered."""
    lines = []
    if total.counts.tp:
        lines.append(
            f"R peaks: half within {_number(total.position(50), 1)} ms of the reference, "
            f"95 % within {_number(total.position(95), 1)} ms"
        )
    if total.latency(50) is not None:
        lines.append(
            f"Latency from R peak to delivery: median {_number(total.latency(50), 0)} ms, "
            f"{_number(total.within(250), 1)} % within 250 ms, "
            f"{_number(total.within(400), 1)} % within 400 ms; "
            f"{_number(total.by_search_back, 2)} % found by search-back"
        )
    v = total.ventricular
    if v.tp + v.fn + v.fp:
        lines.append(
            f"Ventricular beats (V against N and S, paced records left out): "
            f"TP={v.tp} FN={v.fn} FP={v.fp} Se={_number(v.se)} PPV={_number(v.ppv)}"
        )
    if total.unscored:
        lines.append(f"{total.unscored} without reference annotations, not scored")
    return lines


def total_line(total: Total) -> str:
    """The last line, in a form that programs read: percents with two decimals, - for none."""
    c = total.counts
    return (
        f"TOTAL records={c.records} beats={c.beats} TP={c.tp} FP={c.fp} FN={c.fn} "
        f"Se={_number(c.se)} PPV={_number(c.ppv)}"
    )


def as_json(results: list[Result], total: Total, rate: int) -> dict[str, Any]:
    """All of it for programs: times in ms, percents as numbers, null where nothing is known."""
    records = []
    for result in results:
        one = Total()
        one.add(result)
        records.append(
            {
                "record": result.recording.name,
                "lead": result.recording.lead,
                "sampling_rate_hz": result.recording.fs,
                "seconds": round(result.recording.seconds, 3),
                "missing_s": round(sum(result.codes.runs[1::2]) / result.codes.rate, 3),
                "clipped_samples": result.codes.clipped,
                "detected": len(result.peaks),
                "scored": result.score is not None,
                **_figures(one),
            }
        )
    return {"detector_rate_hz": rate, "records": records, "total": _figures(total)}


def _figures(total: Total) -> dict[str, Any]:
    c = total.counts
    figures: dict[str, Any] = {
        "records": c.records,
        "beats": c.beats,
        "TP": c.tp,
        "FP": c.fp,
        "FN": c.fn,
        "Se": _round(c.se, 4),
        "PPV": _round(c.ppv, 4),
        "position_error_median_ms": _round(total.position(50)),
        "position_error_95_ms": _round(total.position(95)),
        "latency_median_ms": _round(total.latency(50)),
        "latency_97_ms": _round(total.latency(97)),
        "latency_max_ms": _round(total.latency(100)),
        "within_250_ms": _round(total.within(250)),
        "within_400_ms": _round(total.within(400)),
        "search_back": _round(total.by_search_back),
        "ventricular": {
            "TP": total.ventricular.tp,
            "FN": total.ventricular.fn,
            "FP": total.ventricular.fp,
            "Se": _round(total.ventricular.se, 4),
            "PPV": _round(total.ventricular.ppv, 4),
        },
    }
    return figures


def _round(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
