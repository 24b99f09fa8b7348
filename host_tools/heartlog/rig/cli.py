"""`heartlog bench`: the production test of a monitor."""

from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli.options import StoreOption
from heartlog.cli.output import note, out, unprinted
from heartlog.errors import CommandError, NotFound


def bench(
    board: Annotated[str, typer.Argument(help="A folder of boards/, as pico_w.")],
    serial: Annotated[str, typer.Argument(help="The serial number on its label, as HL-0042.")],
    port: Annotated[str | None, typer.Option("--port", "-p", help="The serial port.")] = None,
    rig: Annotated[bool, typer.Option("--rig/--no-rig", help="Measure the rails.")] = True,
    electrodes: Annotated[
        str, typer.Option(help="What hangs on the inputs: open or connected.")
    ] = "open",
    key: Annotated[
        Path | None, typer.Option(help="Allow updates over the air signed by this key file.")
    ] = None,
    paired: Annotated[
        bool, typer.Option("--pair/--no-pair", help="Pair it with this computer.")
    ] = True,
    format_flash: Annotated[
        bool, typer.Option("--format", help="Make the board's file system first: erases it.")
    ] = False,
    who: Annotated[str, typer.Option("--by", help="Who tests.")] = "",
    folder: Annotated[Path, typer.Option("--out", help="Where the certificate goes.")] = Path(),
    store: StoreOption = None,
) -> None:
    """Flash, measure, self-test, calibrate, pair and label a new monitor; keep the result."""
    from heartlog.device.ports import choose_port
    from heartlog.device.signing import load_key, public_bytes
    from heartlog.image import build_image
    from heartlog.image.board import load_board
    from heartlog.rig.certificate import write_certificate
    from heartlog.rig.keep import keep
    from heartlog.rig.measure import open_bus
    from heartlog.rig.station import check_serial, examine
    from heartlog.security.keys import own_keys
    from heartlog.selftest.cli import check_electrodes
    from heartlog.store import Store

    check_serial(serial)
    check_electrodes(electrodes)
    if not folder.is_dir():  # (asked at the end, it would cost a whole test)
        raise NotFound(
            f"There is no folder {folder} for the certificate.", "Make it, or name another: --out."
        )
    described = load_board(board)
    where = choose_port(port)
    bus = open_bus() if rig else None
    with Store.open(store) as opened:
        outcome = examine(
            described,
            build_image(board),
            where,
            serial,
            bus=bus,
            done_by=who,
            electrodes=electrodes,
            update_key=public_bytes(load_key(key)) if key is not None else None,
            keys=own_keys(create=True) if paired else None,
            format_flash=format_flash,
            say=note,
        )
        keep(opened, outcome)
    path = folder / f"{outcome.serial}-{outcome.at:%Y-%m-%d}.pdf"
    write_certificate(outcome, path, rig=rig)
    unprinted("the certificate")
    if not outcome.passed:  # (and so it gets no label)
        failed = ", ".join(step.name for step in outcome.steps if not step.passed)
        raise CommandError(
            f"{outcome.serial} did not pass: {failed}.", f"The measurements are in {path}."
        )
    out().print(f"Wrote {path}. The label:\n\n{outcome.label}\n\n{outcome.serial} passed.")
