"""`heartlog pair` and `heartlog keys`: who may listen to which monitor."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption, YesOption
from heartlog.errors import NotFound, UsageProblem
from heartlog.security.journal import key_id
from heartlog.security.keys import Keys, Pairing, own_keys, own_master

keys_app = typer.Typer(help="The keys of paired monitors.", no_args_is_help=True)


def pair(
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="The serial port of the monitor's USB.")
    ] = None,
    virtual: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="A virtual monitor's run directory.")
    ] = None,
    session: Annotated[int, typer.Option(min=0, help="The session it is worn for.")] = 0,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pair a monitor with this computer, over its cable.

    From then on only this computer finds the monitor, and everything that it says is encrypted.
    Pair it anew for each session: the old key then opens nothing more.
    """
    from heartlog.security.cables import UsbCable, VirtualCable
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
    """Which monitors this computer holds keys for. The keys themselves are never shown.

    Four digits tell one key from another: those that a monitor's records name as theirs.
    """
    keys = own_keys()
    rows = [] if keys is None else [_row(keys, p) for p in keys.all()]
    if as_json:
        output.print_json(rows)
    elif rows:
        cells = [
            (
                str(r["device"]),
                str(r["session"] or "-"),
                str(r["key_id"]),
                str(r["made"]),
                "wiped" if r["wiped"] else "lost" if r["lost"] else "",
            )
            for r in rows
        ]
        output.out().print(output.table(("Monitor", "Session", "Key", "Paired (UTC)", ""), cells))
    else:
        output.note("No monitor is paired with this computer. Pair one: heartlog pair")


def _row(keys: Keys, pairing: Pairing) -> dict[str, object]:
    return {
        "device": pairing.device,
        "session": pairing.session,
        "key_id": f"{key_id(keys.journal_key(pairing.key_bytes)):04x}",
        "made": _moment(pairing.made),
        "lost": _moment(pairing.lost),
        "wiped": _moment(pairing.wiped),
    }


def _moment(when: float) -> str | None:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds") if when else None


def _known(device: str) -> Keys:
    keys = own_keys()
    if keys is None or keys.get(device) is None:
        raise NotFound(f"There is no key for a monitor {device}.", "List them: heartlog keys list")
    return keys


@keys_app.command("lost")
def lost(
    device: Annotated[str, typer.Argument(help="The monitor's id, as `keys list` shows it.")],
    yes: YesOption = False,
    store: StoreOption = None,
) -> None:
    """A monitor is lost: refuse it, and wipe it as soon as it is met again.

    Whichever command of this computer meets it next wipes it. If it is near: heartlog wipe.
    """
    keys = _known(device)
    output.confirm(
        f"Report monitor {device} lost? When it is met again, what it still holds is wiped.", yes
    )
    keys.mark_lost(device)
    output.out().print(f"Monitor {device} is refused from now on. Back again: heartlog keys found")


@keys_app.command("found")
def found(
    device: Annotated[str, typer.Argument(help="The monitor's id, as `keys list` shows it.")],
    store: StoreOption = None,
) -> None:
    """A lost monitor is back, unharmed: take it as before, unless it was wiped."""
    keys = _known(device)
    keys.mark_found(device)
    newest = max((p for p in keys.all() if p.device == device), key=lambda p: p.made)
    if newest.wiped:
        output.out().print(
            f"Monitor {device} was wiped meanwhile: nothing is left on it, its key neither."
        )
        output.note("To use it again, pair it anew over USB: heartlog pair")
        return
    output.out().print(f"Monitor {device} is taken as before.")


@keys_app.command("forget")
def forget(
    device: Annotated[str, typer.Argument(help="The monitor's id, as `keys list` shows it.")],
    yes: YesOption = False,
    store: StoreOption = None,
) -> None:
    """Forget a monitor's keys: it is refused from now on; what it still holds can't be read."""
    keys = _known(device)
    output.confirm(
        f"Forget the keys of monitor {device}? Records that it still holds can't be fetched then.",
        yes,
    )
    count = keys.forget(device)
    output.out().print(f"Forgot {count} key{'s' if count > 1 else ''} of monitor {device}.")


@keys_app.command("recovery")
def recovery(store: StoreOption = None) -> None:
    """Show the secret that opens everything here, to be written down and locked away.

    Without it, an encrypted store and its backups are lost with this computer's keyring, or with
    the passphrase and the file lock.json beside the keys.
    """
    from heartlog.cli.acts import act_here
    from heartlog.security.master import RECOVERY_VARIABLE, recovery_code

    groups = recovery_code(own_master()).split("-")
    act_here("show recovery code", "keys", "")
    for row in range(0, len(groups), 7):
        output.out().print("-".join(groups[row : row + 7]))
    output.note(
        "Whoever has this code opens the store. Keep it on paper, away from this computer.\n"
        f"To use it: put the {len(groups)} groups, joined by -, into {RECOVERY_VARIABLE}."
    )
