"""`heartlog show`: one session, its numbers, its rate over time and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption

if TYPE_CHECKING:
    from heartlog.overview import Extreme, Overview
    from heartlog.store import Store


def show(
    session: Annotated[
        int | None, typer.Argument(metavar="[SESSION]", help="Its number; default: the newest.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE.png", help="Draw the session to a file too."),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """One session: summary, heart rate over time, and on request a picture."""
    from heartlog.errors import UsageProblem
    from heartlog.overview import Overview
    from heartlog.store import Store

    if picture is not None and picture.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageProblem(
            f"{picture}: a picture is PNG, SVG or PDF.", "End the name in .png, .svg or .pdf."
        )
    with Store.open(store) as opened:
        number = session if session is not None else newest(opened)
        overview = Overview.of(opened, number)
        if picture is not None:
            from heartlog.cli.acts import act
            from heartlog.picture import draw_session

            act(opened, "picture", "session", number, file=picture.name)
            with output.err().status("Drawing the picture ..."):
                draw_session(opened, overview, picture)
            output.in_clear("The picture", opened.encrypted)
            output.unprinted("the picture")
    if as_json:
        output.print_json(overview.as_json())
    else:
        print_overview(overview)
    if picture is not None:
        output.note(f"Picture: {picture}")


def newest(store: Store) -> int:
    """The number of the session that began last."""
    from heartlog.errors import NotFound

    found = store.sessions(limit=1)
    if not found:
        raise NotFound(f"No session in {store.where}.", "Record one: heartlog record")
    return found[0].id


def print_overview(overview: Overview) -> None:
    """The summary on stdout: numbers first, then the curve."""
    from heartlog.terminal import plot_rate

    console = output.out()
    for label, value in summary(overview):
        console.print(Text.assemble((f"{label:<16}", "bold"), value))
    if overview.beat_count > 1:
        console.print()
        console.print(Text("Heart rate, beats/min", style="bold"))
        for line in plot_rate(overview, columns=min(console.width, 100), zone=None):
            console.print(Text(line), no_wrap=True)
        legend = bar_legend(overview)
        if legend:
            console.print(Text(legend, style="dim"))


def summary(overview: Overview) -> list[tuple[str, str]]:
    """Labels and values, in the order in which a technician reads them: quality before rate."""
    from heartlog.overview import GAP, NOISY, duration

    session = overview.session
    who = " ".join(filter(None, (session.patient_identifier, session.patient_name)))
    state = session.status + (f" ({session.reason})" if session.reason else "")
    rows = [("Session", f"{session.id}, {state}")]
    if who:
        rows.append(("Patient", who))
    rows += [
        ("Monitor", ", ".join(filter(None, (session.device_id, session.board, session.part)))),
        ("Start", _when(overview.start, "%Y-%m-%d %H:%M:%S %Z")),
        ("Length", duration(overview.seconds)),
        ("Usable signal", _percent(overview.usable_share)),
        ("Gaps", _gaps(len(overview.gaps), overview.seconds_of(GAP))),
        ("Lead off", duration(overview.lead_off_seconds) if overview.lead_off_seconds else "none"),
    ]
    noisy = overview.seconds_of(NOISY)
    if noisy:
        rows.append(("Noisy", f"{duration(noisy)} (beats there are doubtful)"))
    for time, name in overview.faults[:3]:
        rows.append(("Fault", f"{name} at {_when(time)}"))
    rows += [("Clock", text) for text in overview.clock]
    rows.append(("Beats", f"{overview.beat_count}"))
    if overview.beat_count > 1:
        rows.append(("Mean rate", f"{overview.mean_rate:.0f} beats/min"))
    for label, one in (("Lowest rate", overview.lowest), ("Highest rate", overview.highest)):
        if one is not None:
            rows.append((label, _extreme(one, "beats/min", "over 8 intervals ending")))
    if overview.longest_rr is not None:
        rows.append(("Longest RR", _extreme(overview.longest_rr, "ms", "ending")))
    if overview.marks:
        names = ", ".join(f"{name} {_when(time)}" for time, name in overview.marks[:4])
        more = f" and {len(overview.marks) - 4} more" if len(overview.marks) > 4 else ""
        rows.append(("Events", names + more))
    if overview.leads:
        names = ", ".join(f"{name} ({_when(time)})" for time, name in overview.leads[:3])
        more = f" and {len(overview.leads) - 3} more" if len(overview.leads) > 3 else ""
        rows.append(("Leads", names + more))
    return rows


def bar_legend(overview: Overview) -> str:
    """What the characters of the bar below the curve mean, as far as they occur."""
    from heartlog.overview import GAP, LEAD_OFF

    kinds = {span.kind for span in overview.spans}
    parts = []
    if GAP in kinds:
        parts.append("# gap")
    if LEAD_OFF in kinds:
        parts.append("x lead off")
    other = sorted(kinds - {GAP, LEAD_OFF})
    if other:
        parts.append(f"~ {', '.join(other)}")
    return "     " + "   ".join(parts) if parts else ""


def _when(seconds: float, form: str = "%H:%M:%S") -> str:
    from heartlog.wall_time import written

    return written(seconds, form)


def _percent(share: float) -> str:
    return "-" if share != share else f"{100 * share:.1f} %"


def _gaps(count: int, seconds: float) -> str:
    from heartlog.overview import duration

    return f"{count}, {duration(seconds)} in all" if count else "none"


def _extreme(one: Extreme, unit: str, words: str) -> str:
    return f"{one.value:.0f} {unit} ({words} {_when(one.time)})"
