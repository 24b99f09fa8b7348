"""`heartlog device`: what is done to a board with a cable."""

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heartlog.cli.options import BackendOption, JsonOption, MonitorOption, StoreOption
from heartlog.cli.output import note, out, table
from heartlog.device.official import SITE
from heartlog.errors import CommandError, UsageProblem
from heartlog.image import build_image, load_image
from heartlog.image.board import Board, load_board
from heartlog.selftest.cli import ElectrodesOption, WhoOption, check_electrodes, finish

if TYPE_CHECKING:
    from heartlog.device.repl import Repl
    from heartlog.selftest.cable import Calibration
    from heartlog.selftest.figures import Report

app = typer.Typer(no_args_is_help=True, help="Flash a board, look into it, update it by cable.")

BoardArgument = Annotated[str, typer.Argument(help="A folder of boards/, as pico_w.")]
PortOption = Annotated[
    str | None, typer.Option("--port", "-p", help="The serial port; needed if there are several.")
]


@app.command()
def ports() -> None:
    """List the serial ports that a board may be on."""
    from heartlog.device.ports import candidates

    found = candidates()
    if not found:
        note("No USB serial port is there.")
        return
    out().print(table(["Port", "What it says it is"], found))


@app.command()
def info(board: BoardArgument, port: PortOption = None) -> None:
    """What is on a board: MicroPython, images, the last crash. Stops its monitor for a moment."""
    from heartlog.device.identity import identify
    from heartlog.device.install import crash_report
    from heartlog.device.layout import read_state
    from heartlog.device.ports import choose_port
    from heartlog.device.repl import Repl

    described = load_board(board)
    with Repl(choose_port(port)) as repl:
        told = identify(repl)
        state = read_state(repl, described)
        crash = crash_report(repl, described)
        kept = _kept_calibration(repl, described)
        repl.reset()
    rows = [
        ("Board", told.machine),
        ("Unique number", told.unique),
        ("MicroPython", f"{told.version_text}, {told.arch}"),
    ]
    if state is None:
        rows.append(("Image", "none was put on it"))
    else:
        rows.append(("Image", f"slot {state.run}"))
        if state.trial != "-":
            rows.append(("On trial", f"slot {state.trial}, start {state.tries} of 3"))
        if state.last != "-":
            rows.append(("Last update", state.last.replace("-", ": slot ")))
    rows.append(("Calibration", kept))
    out().print(table(["", ""], rows))
    if crash:
        note(f"The last crash on it:\n{crash}")


def _kept_calibration(repl: "Repl", board: Board) -> str:
    from heartlog.device.repl import RemoteError
    from heartlog.selftest.cable import FILE, parse_kept

    try:
        found = parse_kept(repl.get(f"{board.root.rstrip('/')}/{FILE}"))
    except RemoteError:
        return "none"
    return found.words() if found is not None else "damaged: calibrate again"


@app.command()
def flash(
    board: BoardArgument,
    port: PortOption = None,
    image: Annotated[Path | None, typer.Option(help="A built image's folder.")] = None,
    format_flash: Annotated[
        bool, typer.Option("--format", help="Make the board's file system first: erases it.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option(help="Allow updates over the air signed by this key file.")
    ] = None,
    wait: Annotated[
        float, typer.Option(help="Seconds to watch whether a new image stays; 0: don't.")
    ] = 20.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before erasing.")] = False,
) -> None:
    """Put the firmware on a board; settings, journal and the previous image stay."""
    from heartlog.cli.output import confirm
    from heartlog.device.install import install
    from heartlog.device.ports import choose_port
    from heartlog.device.signing import load_key, public_bytes

    described = load_board(board)
    built = load_image(image) if image is not None else build_image(board)
    where = choose_port(port)
    if format_flash:
        confirm(f"Erase everything on the flash of the board on {where}?", yes)
    last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > 2:
            last = time.monotonic()
            note(f"  {100 * done // max(total, 1)} %")

    done = install(
        described,
        built,
        where,
        format_flash=format_flash,
        update_key=public_bytes(load_key(key)) if key is not None else None,
        wait=wait,
        say=note,
        progress=show,
    )
    _tell(done.kept, done.slot, described, built.version)


def _tell(kept: bool | None, slot: str, board: Board, version: str) -> None:
    if kept is False:
        raise CommandError(
            f"Heartlog {version} did not come up on the {board.title}; the image before it runs.",
            f"See why: heartlog device info {board.name}.",
        )
    if kept is None:
        out().print(f"Heartlog {version} is in slot {slot} and starts now.")
    else:
        out().print(f"Heartlog {version} runs from slot {slot} and has confirmed itself.")


@app.command()
def micropython(
    board: BoardArgument,
    file: Annotated[
        Path | None, typer.Argument(help="A .uf2, .bin or .dfu file; else the official one.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="The hash that the file must have.")] = None,
    port: PortOption = None,
    drive: Annotated[Path | None, typer.Option(help="The board's drive (UF2 boards).")] = None,
    site: Annotated[str, typer.Option(help="Where official files are, or a mirror.")] = SITE,
    download_only: Annotated[
        bool, typer.Option("--download-only", help="Check the file; write nothing.")
    ] = False,
) -> None:
    """Put MicroPython itself on a board that is in its loader."""
    from heartlog.device.micropython import check_file, check_hash, put
    from heartlog.device.official import check_trust, official

    described = load_board(board)
    if sha256 is not None:
        check_hash(sha256)
    path = file if file is not None else official(described, site=site, say=note)
    digest = check_file(path, described, sha256)
    why = "as given" if sha256 is not None else check_trust(described, path)
    note(f"{path}\nSHA-256 {digest} ({why})")
    if download_only:
        out().print(f"{path.name} is a MicroPython for the {described.title}.")
        return
    put(described, path, sha256=digest, port=port, drive=drive)
    out().print(f"Wrote {path.name} to the {described.title}.")


@app.command()
def update(
    board: BoardArgument,
    key: Annotated[Path, typer.Option(help="The key file that signs the image.")],
    backend: BackendOption = "system",
    monitor: MonitorOption = None,
    image: Annotated[Path | None, typer.Option(help="A built image's folder.")] = None,
) -> None:
    """Send the firmware over the air to a paired monitor that was given the key."""
    import asyncio

    from heartlog.ble import find_monitor, open_backend
    from heartlog.device.air import send_update
    from heartlog.device.signing import load_key, sign_image
    from heartlog.link.monitor import Monitor

    built = load_image(image) if image is not None else build_image(board)
    signed = sign_image(built, load_key(key))
    last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > 2:
            last = time.monotonic()
            note(f"  {100 * done // max(total, 1)} %")

    async def send() -> int:
        async with open_backend(backend) as opened:
            found = await find_monitor(opened, monitor)
            async with Monitor(opened, found.device, found.key) as link:
                told = f" ({link.info.serial})" if link.info.serial else ""
                size = f"sending {signed.size} bytes"
                note(f"{found.name}{told} runs {link.info.firmware}; {size}")
                return await send_update(link, signed, show)

    began = asyncio.run(send())
    went_on = f" (went on from byte {began})" if began else ""
    out().print(
        f"Heartlog {built.version} is on the monitor{went_on}; it starts it when it rests."
    )


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="A new file for the private key; keep it safe.")],
) -> None:
    """Make the key that signs updates over the air."""
    from heartlog.device.signing import new_key, public_bytes

    made = new_key(file)
    out().print(f"Wrote {file}. Its public half is {public_bytes(made).hex()}.")
    note("Give it to boards with: heartlog device flash BOARD --key FILE")


@app.command()
def regs(
    board: BoardArgument,
    port: PortOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every register of the front end and tell what its fields mean."""
    from heartlog.device.ports import choose_port
    from heartlog.device.registers import dump, read_registers

    described = load_board(board)
    dump(read_registers(described, choose_port(port)), json_)


@app.command()
def selftest(
    board: BoardArgument,
    port: PortOption = None,
    electrodes: ElectrodesOption = "open",
    json_: JsonOption = False,
    who: WhoOption = "",
    store: StoreOption = None,
) -> None:
    """Test the front end: noise, gain, clock, bus, lead-off; a table with limits.

    Exit code 1 when it does not pass. Never with the electrodes on a person: the cable leads to a
    computer on the mains.
    """
    check_electrodes(electrodes)
    report, _ = _examine(load_board(board), port, electrodes)
    finish(report, None, json_, who, store)


@app.command()
def calibrate(
    board: BoardArgument,
    port: PortOption = None,
    known_uv: Annotated[
        float | None,
        typer.Option(
            help="A square wave of so many uV peak to peak (0.5 to 5 Hz) is at the electrodes."
        ),
    ] = None,
    electrodes: ElectrodesOption = "connected",
    json_: JsonOption = False,
    who: WhoOption = "",
    store: StoreOption = None,
) -> None:
    """Test the front end, measure its gain, and keep the calibration on the board.

    With --known-uv the scale is corrected by that signal. Without, the part's own test signal is
    measured and kept for the record only: it is less exact (2 %) than the part's own scale.
    """
    check_electrodes(electrodes)
    if known_uv is not None and not 100 <= known_uv <= 100_000:
        raise UsageProblem(
            f"{known_uv:g} uV is no signal to calibrate with.", "Use 100 to 100000, such as 1000."
        )
    today = dt.datetime.now(dt.UTC).date()
    report, kept = _examine(load_board(board), port, electrodes, today, known_uv or 0)
    finish(report, kept, json_, who, store)
    if kept is not None and not json_:
        out().print(f"Calibration kept: {kept.words()}.")


def _examine(
    board: Board,
    port: str | None,
    electrodes: str,
    day: dt.date | None = None,
    known_uv: float = 0,
) -> "tuple[Report, Calibration | None]":
    from heartlog.device.identity import identify
    from heartlog.device.ports import choose_port
    from heartlog.device.running import Bench
    from heartlog.selftest.cable import by_cable

    with Bench(board, choose_port(port)) as bench:
        unique = identify(bench.repl).unique
        note("The front end is tested; it takes about 15 s ...")
        return by_cable(bench, electrodes, unique, calibrate=day, known_uv=known_uv)


@app.command()
def trace(
    board: BoardArgument,
    port: PortOption = None,
    seconds: Annotated[float, typer.Option(help="For how long.")] = 10.0,
    file: Annotated[Path | None, typer.Option("--out", help="Write it to a file too.")] = None,
) -> None:
    """Show what the running monitor prints, with the time of each line."""
    from heartlog.device.ports import choose_port
    from heartlog.device.trace import follow

    load_board(board)
    follow(choose_port(port), seconds, file)
