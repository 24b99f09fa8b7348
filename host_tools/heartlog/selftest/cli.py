"""`heartlog selftest`, and how the results of a self-test are shown and kept."""

import asyncio
from typing import Annotated

import typer

from heartlog.cli.options import BackendOption, JsonOption, MonitorOption, StoreOption
from heartlog.cli.output import note, out, print_json, table
from heartlog.errors import CommandError, UsageProblem
from heartlog.selftest.cable import Calibration
from heartlog.selftest.figures import Figure, Report

ElectrodesOption = Annotated[
    str,
    typer.Option(
        "--electrodes",
        help="What hangs on the inputs: open (nothing), or connected (a body, a simulator).",
    ),
]
WhoOption = Annotated[str, typer.Option("--by", help="Who tests.")]


def selftest(
    monitor: MonitorOption = None,
    electrodes: ElectrodesOption = "open",
    json_: JsonOption = False,
    who: WhoOption = "",
    store: StoreOption = None,
    backend: BackendOption = "system",
) -> None:
    """Let a monitor test its front end: before a fitting, in 15 s, over the air.

    Exit code 1 when it does not pass. The result goes into the equipment record of a monitor that
    has one.
    """
    check_electrodes(electrodes)
    report = asyncio.run(_test(backend, monitor, electrodes, json_))
    finish(report, None, json_, who, store)


async def _test(spec: str, wanted: str | None, electrodes: str, quiet: bool) -> Report:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor
    from heartlog.selftest.air import over_the_air

    def tell(figure: Figure) -> None:
        if not quiet:
            note(f"  {figure.words()}")

    async with open_backend(spec) as backend:
        found = await find_monitor(backend, wanted)
        async with Monitor(backend, found.device, found.key) as link:
            if not quiet:
                note(f"{found.name} tests itself ...")
            return await over_the_air(link, electrodes, tell, backend.clock.sleep)


def check_electrodes(electrodes: str) -> None:
    """
    Raises:
        UsageProblem: neither open nor connected.
    """
    if electrodes not in ("open", "connected"):
        raise UsageProblem(
            f"{electrodes!r} says nothing about the electrodes.",
            "Say open (nothing hangs on them) or connected (a body or a simulator does).",
        )


def finish(
    report: Report,
    calibration: Calibration | None,
    json_: bool,
    who: str,
    store: str | None,
) -> None:
    """Show the report, keep it, and end with an error when it did not pass.

    Raises:
        CommandError: it did not pass.
    """
    from heartlog.selftest.keep import keep
    from heartlog.store import Store

    if json_:
        kept = None if calibration is None else vars(calibration)
        print_json({**report.values(), "calibration": kept})
    elif report.figures:
        rows = [figure.row() for figure in report.figures]
        columns = ["Measured", "Value", "Unit", "Limits", "Result"]
        out().print(table(columns, rows, value="right", limits="right"))
    with Store.open(store) as opened:
        serial = keep(opened, report, calibration, who)
    if serial is None:
        note(
            f"Not kept: no equipment has the device id {report.device_id}."
            f" Add it: heartlog equipment add SERIAL --device {report.device_id}"
        )
    else:
        note(f"Kept in the equipment record of {serial}.")
    if report.broken_off:
        raise CommandError(
            f"The self-test was broken off: {report.broken_off}.",
            "Check the front end's wiring and supply, and test again.",
        )
    if not report.passed:
        names = ", ".join(figure.name for figure in report.failed)
        raise CommandError(
            f"The monitor did not pass: {names}.",
            "Don't fit it. Is --electrodes right? Then look: heartlog device regs BOARD.",
        )
    if not json_:
        out().print(f"Passed: {len(report.figures)} figures.")
