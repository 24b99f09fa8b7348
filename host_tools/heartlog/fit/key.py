"""The session's own key, made over the cable at the beginning of a fitting.

    device = give_key(cable_for(choice, backend), keys)      # "0a1b...": find it by the new key

Each session of wear gets a new key, so that whoever had the last one hears nothing of this one.
It goes through the cable, never over the air. Without a cable at hand the key that the monitor
and this computer already share is used, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from heartlog.ble.backend import default_run_dir
from heartlog.device.ports import candidates
from heartlog.errors import CommandError, UsageProblem
from heartlog.security.cables import UsbCable, VirtualCable
from heartlog.security.keys import Keys
from heartlog.security.pair import Cable, pair

AUTO, NONE = "auto", "none"


class Plugged(NamedTuple):
    """A cable to a monitor, and what a person calls it."""

    cable: Cable
    name: str


def cable_for(choice: str, backend: str) -> Plugged | None:
    """The cable that is meant: a port by name, or by AUTO the only one there is; None: without.

    A virtual monitor's cable is its control socket. UsageProblem when AUTO finds several.
    """
    if choice == NONE:
        return None
    kind, _, rest = backend.partition(":")
    if choice != AUTO:
        return Plugged(UsbCable(choice), choice)
    if kind == "virtual":
        return Plugged(VirtualCable(Path(rest) if rest else default_run_dir()), "virtual")
    try:
        found = candidates()
    except CommandError:
        return None  # no package for cables is installed, so there is none to use
    if len(found) > 1:
        listed = ", ".join(name for name, _ in found)
        raise UsageProblem(
            f"Several cables are plugged in: {listed}.",
            "Name the monitor's: --cable PORT; or go on with its present key: --cable none",
        )
    return Plugged(UsbCable(found[0][0]), found[0][0]) if found else None


def give_key(plugged: Plugged, keys: Keys, say: Callable[[str], None]) -> str:
    """Make a key and write it to the monitor at this cable; returns the monitor's id."""
    say(f"Making this session's key, over the cable {plugged.name} ...")
    device = pair(plugged.cable, keys)
    say(f"Monitor {device} has a new key. Unplug the cable before the electrodes go on.")
    return device


def without_cable(paired: bool) -> str:
    """What a fitting without a cable has to say."""
    if paired:
        return (
            "No cable: the monitor keeps the key that it has. Whoever knows that one can hear this"
            " session too; for a key of its own plug the monitor in and begin anew (--new)."
        )
    return (
        "This monitor has NO KEY: anyone near it can read and stop the recording. For a patient,"
        " plug it in and begin anew (--new), or pair it: heartlog pair"
    )
