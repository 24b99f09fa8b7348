"""`heartlog pair` and `heartlog keys`: who may listen to which monitor."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, YesOption
from heartlog.errors import NotFound, UsageProblem

keys_app = typer.Typer(help="The keys of paired monitors.", no_args_is_help=True)


def pair(
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="The serial port of the monitor's USB.")
    ] = None,
    virtual: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="A virtual monitor's run directory.")
    ] = None,
    session: Annotated[int, typer.Option(min=0, help="The session it is worn for.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Pair a monitor with this computer, over its cable.

    From then on only this computer finds the monitor, and everything that it says is encrypted.
    Pair it anew for each session: the old key then opens nothing more.
    """
    from heartlog.security.cables import UsbCable, VirtualCable
    from heartlog.security.keys import own_keys
    from heartlog.security.pair import Cable
    from heartlog.security.pair import pair as give

    if (port is None) == (virtual is None):
        raise UsageProblem("Name one cable.", "Either --port PORT or --virtual RUN_DIR.")
    cable: Cable = VirtualCable(virtual) if virtual is not None else UsbCable(port or "")
    keys = own_keys(create=True)
    assert keys is not None
    device = give(cable, keys, session)
    if as_json:
        output.print_json({"device": device, "session": session})
    else:
        output.out().print(f"Paired monitor {device}. Find it with: heartlog scan")


@keys_app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """Which monitors this computer holds keys for. The keys themselves are never shown."""
    from heartlog.security.keys import own_keys

    keys = own_keys()
    rows = [
        {
            "device": p.device,
            "session": p.session,
            "made": datetime.fromtimestamp(p.made, UTC).isoformat(timespec="seconds"),
        }
        for p in (keys.all() if keys else [])
    ]
    if as_json:
        output.print_json(rows)
    elif rows:
        cells = [(str(r["device"]), str(r["session"] or "-"), str(r["made"])) for r in rows]
        output.out().print(output.table(("Monitor", "Session", "Paired (UTC)"), cells))
    else:
        output.note("No monitor is paired with this computer. Pair one: heartlog pair")


@keys_app.command("forget")
def forget(
    device: Annotated[str, typer.Argument(help="The monitor's id, as `keys list` shows it.")],
    yes: YesOption = False,
) -> None:
    """Forget a monitor's keys: it is refused from now on; what it still holds can't be read."""
    from heartlog.security.keys import own_keys

    keys = own_keys()
    if keys is None or keys.get(device) is None:
        raise NotFound(f"There is no key for a monitor {device}.", "List them: heartlog keys list")
    output.confirm(
        f"Forget the keys of monitor {device}? Records that it still holds can't be fetched then.",
        yes,
    )
    count = keys.forget(device)
    output.out().print(f"Forgot {count} key{'s' if count > 1 else ''} of monitor {device}.")


@keys_app.command("recovery")
def recovery() -> None:
    """Show the secret that opens everything here, to be written down and locked away.

    Without it, an encrypted store and its backups are lost with this computer's keyring, or with
    the passphrase and the file lock.json beside the keys.
    """
    from heartlog.security.keys import own_master
    from heartlog.security.master import RECOVERY_VARIABLE, recovery_code

    groups = recovery_code(own_master()).split("-")
    for row in range(0, len(groups), 7):
        output.out().print("-".join(groups[row : row + 7]))
    output.note(
        "Whoever has this code opens the store. Keep it on paper, away from this computer.\n"
        f"To use it: put the {len(groups)} groups, joined by -, into {RECOVERY_VARIABLE}."
    )
