"""The report's sections on rate, pauses, runs, extrasystoles, irregularity and variability."""

from heartlog.analysis.rhythm import Ectopy
from heartlog.report.blocks import Block, Facts, Table, Text
from heartlog.report.clock import duration
from heartlog.report.gather import Material

LISTED = 10


def rate(m: Material) -> list[Block]:
    """Beats, mean, lowest and highest with times."""
    r, clock = m.analysis.rate, m.clock
    if r.mean is None:
        return [Text("No RR interval is known: there is no heart rate to report.")]
    n = m.analysis.settings.rate_beats
    facts = [
        ("Beats", f"{r.beats}"),
        ("Mean rate", f"{r.mean:.0f} /min"),
        (f"Lowest rate ({n} RR)", _at(r.lowest, r.lowest_at, "/min", m)),
        (f"Highest rate ({n} RR)", _at(r.highest, r.highest_at, "/min", m)),
        ("Longest RR", f"{r.longest_rr_ms:.0f} ms at {clock.at(r.longest_rr_at)}"),
        ("Shortest RR", f"{r.shortest_rr_ms:.0f} ms at {clock.at(r.shortest_rr_at)}"),
    ]
    return [Facts(facts)]


def _at(value: float | None, at: float | None, unit: str, m: Material) -> str:
    return "-" if value is None else f"{value:.0f} {unit} at {m.clock.at(at)}"


def pauses(m: Material) -> list[Block]:
    """The longest intervals, and those over the threshold."""
    a = m.analysis
    limit = a.settings.pause_ms / 1000.0
    if not a.pauses:
        longest = f" The longest RR is {a.rate.longest_rr_ms:.0f} ms." if a.rate.mean else ""
        return [Text(f"No RR interval of {limit:.1f} s or more.{longest}")]
    worst = sorted(a.pauses, key=lambda p: -p.rr_ms)[:LISTED]
    rows = [
        (f"{p.rr_ms:.0f}", m.clock.at(p.at), "doubtful" if p.doubtful else "sure") for p in worst
    ]
    doubtful = sum(p.doubtful for p in a.pauses)
    note = f"{len(a.pauses)} of {limit:.1f} s or more, {doubtful} of them doubtful (noise, or the "
    note += "baseline moved: an electrode may have come loose)"
    note += f"; the {LISTED} longest are listed." if len(a.pauses) > LISTED else "."
    return [Table(["RR ms", "Begins at", "Signal"], rows, "rll", note)]


def runs(m: Material) -> list[Block]:
    """Slow and fast runs, the most extreme listed in order of time."""
    a = m.analysis
    blocks: list[Block] = []
    words = {
        "slow": f"below {a.settings.brady_bpm:.0f}/min",
        "fast": f"above {a.settings.tachy_bpm:.0f}/min",
    }
    for kind, word in words.items():
        found = [r for r in a.runs if r.kind == kind]
        if not found:
            blocks.append(Text(f"No run of {a.settings.run_beats} beats or more {word}."))
            continue
        sign = 1.0 if kind == "slow" else -1.0
        worst = sorted(found, key=lambda r: sign * r.extreme)[:LISTED]
        rows = [
            (
                m.clock.at(r.starts_at),
                str(r.beats),
                duration(r.seconds),
                f"{r.rate:.0f}",
                f"{r.extreme:.0f}",
            )
            for r in sorted(worst, key=lambda r: r.starts_at)
        ]
        total = sum(r.seconds for r in found)
        note = f"{len(found)} {kind} runs ({word}), {duration(total)} in all"
        note += f"; the {LISTED} most extreme are listed." if len(found) > LISTED else "."
        header = [f"{kind.title()} run at", "Beats", "Length", "Mean /min", "Extreme /min"]
        blocks.append(Table(header, rows, "lrrrr", note))
    return blocks


def ectopy(m: Material) -> list[Block]:
    """Counts and burden of early and wide beats."""
    a = m.analysis

    def column(e: Ectopy) -> list[str]:
        run = f"{e.longest_run} beats at {m.clock.at(e.longest_run_at)}" if e.longest_run else "-"
        fastest = f"{e.fastest_run:.0f} /min" if e.fastest_run else "-"
        return [
            str(e.count),
            f"{e.burden:.2f} %",
            str(e.couplets),
            str(e.runs),
            run,
            fastest,
            str(e.bigeminy),
            str(e.trigeminy),
        ]

    names = [
        "Count",
        "Burden (of all beats)",
        "Couplets",
        "Runs of 3 or more",
        "Longest run",
        "Fastest run",
        "Bigeminy episodes",
        "Trigeminy episodes",
    ]
    rows = list(zip(names, column(a.premature), column(a.wide), strict=True))
    others = ", ".join(
        f"{n} {name}"
        for name, n in a.kinds.items()
        if n and name not in ("normal", "premature", "wide")
    )
    rule = (
        "As annotated in the imported file."
        if a.session.status == "imported"
        else "By the monitor's rule (timing and QRS width on one lead)."
    )
    note = rule + (f" Also: {others}." if others else "")
    return [Table(["", "Early, narrow", "Wide"], rows, "lrr", note)]


def screen(m: Material) -> list[Block]:
    """Time with irregular RR; never a rhythm's name."""
    s = m.analysis.screen
    if not s.windows:
        return [Text("Too few consecutive RR intervals to judge.")]
    facts = [
        ("Irregular by RR", f"{s.percent:.1f} % of the time judged"),
        ("Time irregular", duration(s.seconds)),
        ("Windows", f"{s.irregular} of {s.windows}"),
        ("Time judged", duration(s.judged_seconds)),
    ]
    blocks: list[Block] = [Facts(facts)]
    if s.episodes:
        longest = sorted(s.episodes, key=lambda e: e[0] - e[1])[:LISTED]
        rows = [(m.clock.at(x), m.clock.at(y), duration(y - x)) for x, y in sorted(longest)]
        more = len(s.episodes) - len(longest)
        note = f"The {LISTED} longest; {more} more." if more else ""
        blocks.append(Table(["From", "To", "Length"], rows, "llr", note))
    blocks.append(
        Text(
            "Irregular RR may be atrial fibrillation, frequent extrasystoles, sinus arrhythmia or "
            "noise: look at the ECG.",
            "note",
        )
    )
    return blocks


def hrv(m: Material) -> list[Block]:
    """Time and frequency domain with NN count and what was left out."""
    h = m.analysis.hrv
    left = ", ".join(f"{n} {why}" for why, n in m.analysis.intervals.left_out.items() if n)
    basis = f"{h.nn_count} NN intervals; {h.nn_percent_out:.1f} % left out"
    basis += f" ({left})." if left else "."
    if h.sdnn is None:
        return [Text(f"Too few NN intervals: {basis}")]

    def one(value: float | None, unit: str, digits: int = 1) -> str:
        return "-" if value is None else f"{value:.{digits}f} {unit}".strip()

    facts = [
        ("Mean NN", one(h.mean_nn, "ms", 0)),
        ("SDNN", one(h.sdnn, "ms")),
        ("SDANN (5 min)", one(h.sdann, "ms")),
        ("SDNN index (5 min)", one(h.sdnn_index, "ms")),
        ("RMSSD", one(h.rmssd, "ms")),
        ("pNN50", one(h.pnn50, "%")),
        ("Triangular index", one(h.triangular_index, "")),
        ("SD1 / SD2", f"{one(h.sd1, '')} / {one(h.sd2, 'ms')}"),
        ("VLF power", one(h.vlf_ms2, "ms²", 0)),
        ("LF power", one(h.lf_ms2, "ms²", 0)),
        ("HF power", one(h.hf_ms2, "ms²", 0)),
        ("LF/HF", one(h.lf_hf, "", 2)),
        ("LF n.u. / HF n.u.", f"{one(h.lf_nu, '')} / {one(h.hf_nu, '')}"),
        ("5-minute segments used", f"{h.segments} of {h.segments_total}"),
    ]
    blocks: list[Block] = [Facts(facts), Text(basis, "note")]
    if h.nn_percent_out > 20:
        blocks.append(
            Text("More than 20 % left out: these figures describe little of the test.", "warning")
        )
    if m.analysis.screen.percent > 10:
        blocks.append(
            Text("RR is irregular for much of the time: HRV is not meaningful then.", "warning")
        )
    return blocks
