"""`heartlog erase` and `heartlog identify`: what one asks a monitor that is at hand."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import BackendOption, JsonOption, MonitorOption, StoreOption, YesOption


def erase(
    monitor: MonitorOption = None,
    yes: YesOption = False,
    give_up: Annotated[
        bool,
        typer.Option(
            "--give-up", help="Also what is sealed for another computer, and ECG that is not here."
        ),
    ] = False,
    store: StoreOption = None,
    backend: BackendOption = "system",
    as_json: JsonOption = False,
) -> None:
    """Erase a monitor's records and ECG, once all of it is in the store.

    Shows what is on it and asks first. Refuses while a session runs, and while anything on it is
    not in this store (fetch it: heartlog fetch). The settings and the pairing stay.
    What was recorded while another computer had paired the monitor can be read there only.
    """
    told = asyncio.run(_erase(backend, store, monitor, yes, give_up))
    if as_json:
        output.print_json(told)
    else:
        output.out().print(f"Erased monitor {told['device']}: {told['records']} records.")


async def _erase(
    spec: str, store_url: str | None, wanted: str | None, yes: bool, give_up: bool
) -> dict[str, object]:
    from heartlog.ble import find_monitor, open_backend
    from heartlog.cli.acts import act
    from heartlog.link import Monitor
    from heartlog.recorder.claim import Claim
    from heartlog.recorder.erase import erase as wipe
    from heartlog.recorder.erase import look
    from heartlog.store import Store

    with Store.open(store_url) as opened:
        async with open_backend(spec) as backend:
            with output.err().status("Looking for the monitor ..."):
                found = await find_monitor(backend, wanted)
            async with Monitor(backend, found.device, found.key) as monitor:
                claim = Claim(monitor.info.device_id)
                claim.take()
                try:
                    held = await look(monitor, opened)
                    if not (held.session or held.refused(give_up)):  # else it is no act
                        output.note(f"Monitor {monitor.info.device_id} holds {held.told()}.")
                        ask = "Erase it?"
                        if held.locked or held.ecg_missing:
                            lost = f"{held.locked} records and {held.ecg_missing} pieces of ECG"
                            ask = f"Lose {lost} that this store has not, and erase it?"
                        await asyncio.to_thread(output.confirm, ask, yes)
                        what = {"records": held.records, "ecg_blocks": held.ecg_blocks}
                        what |= {"given_up": held.locked, "ecg_given_up": held.ecg_missing}
                        act(opened, "erase", "monitor", monitor.info.device_id, **what)
                    seq = await wipe(monitor, opened, backend.clock.now(), give_up)
                finally:
                    claim.release()
                return {
                    "device": monitor.info.device_id,
                    "records": held.records,
                    "ecg_blocks": held.ecg_blocks,
                    "seq": seq,
                }


def identify(
    seconds: Annotated[
        int, typer.Option("--seconds", "-s", min=1, max=255, help="For how long.")
    ] = 15,
    monitor: MonitorOption = None,
    backend: BackendOption = "system",
) -> None:
    """Let a monitor's light show which one it is: one long flash and two short ones."""
    name = asyncio.run(_identify(backend, monitor, seconds))
    output.out().print(f"{name} shows its light for {seconds} s.", markup=False)


async def _identify(spec: str, wanted: str | None, seconds: int) -> str:
    from heartlog._firmware.monitor.link import wire
    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor

    async with open_backend(spec) as backend:
        with output.err().status("Looking for the monitor ..."):
            found = await find_monitor(backend, wanted)
        async with Monitor(backend, found.device, found.key) as monitor:
            await monitor.request(wire.IDENTIFY, seconds)
            return f"{found.name} ({found.address})"
