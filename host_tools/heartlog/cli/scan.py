"""`heartlog scan`: which monitors are in range."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from heartlog.ble import Found, open_backend
from heartlog.ble import scan as listen
from heartlog.cli import output
from heartlog.cli.options import BackendOption, JsonOption
from heartlog.errors import ExitCode


def scan(
    seconds: Annotated[
        float, typer.Option("--seconds", "-s", min=0.1, help="How long to listen.")
    ] = 5.0,
    backend: BackendOption = "system",
    as_json: JsonOption = False,
) -> None:
    """Find monitors in range, the strongest signal first.

    Ends with exit code 3 if there is none.
    """
    found = asyncio.run(_listen(backend, seconds))
    if as_json:
        output.print_json(
            [{"name": f.name, "address": f.address, "rssi_dbm": f.rssi} for f in found]
        )
    elif found:
        rows = [(f.name, f.address, f"{f.rssi} dBm  {bars(f.rssi)}") for f in found]
        output.out().print(output.table(("Name", "Address", "Signal"), rows))
    else:
        output.note(
            f"No monitor was heard in {seconds:g} s."
            " Is it switched on, within a few metres, and not connected elsewhere?"
        )
    if not found:
        raise typer.Exit(ExitCode.NOT_FOUND)


async def _listen(spec: str, seconds: float) -> list[Found]:
    async with open_backend(spec) as backend:
        with output.err().status(f"Listening for {seconds:g} s ..."):
            return await listen(backend, seconds)


def bars(rssi: int) -> str:
    """Signal strength in words: what a person can act on. Bounds as phones draw them, dBm."""
    for bound, word in ((-60, "strong"), (-75, "good"), (-85, "weak")):
        if rssi >= bound:
            return word
    return "very weak: come closer"
