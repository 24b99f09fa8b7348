"""Which radio the host uses.

| spec | reaches the air through |
|---|---|
| `system` | bleak as it comes: BlueZ, CoreBluetooth, WinRT |
| `bumble:TRANSPORT` | Bumble's own stack on an adapter of its own, as `bumble:usb:0` |
| `virtual`, `virtual:RUN_DIR` | a virtual monitor of this computer, and its clock |

A backend makes genuine `BleakScanner` and `BleakClient` objects; nothing is global, so several
backends (several adapters, several virtual monitors) can be open at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from heartlog.ble.clock import Clock, SystemClock, VirtualClock
from heartlog.errors import CommandError, NotFound, UsageProblem, bluetooth_missing

if TYPE_CHECKING:
    from bleak import BleakClient, BleakScanner
    from bleak.backends.device import BLEDevice

    from heartlog.ble.bumble_adapter import BumbleAdapter
    from heartlog.security.keys import Keys

KINDS = "system, bumble:TRANSPORT, virtual[:RUN_DIR]"


class Backend(ABC):
    """One way to the air; use it as `async with open_backend(spec) as backend`."""

    spec: str
    clock: Clock
    own_radio = False
    """Whether the Bluetooth stack is our own, so that it can pair without asking a person."""
    keys: Keys | None = None
    """Keys of paired monitors; None: only open monitors are found."""

    @cached_property
    def radio(self) -> asyncio.Lock:
        """Held while a monitor is sought and connected: systems do that one at a time."""
        return asyncio.Lock()

    @abstractmethod
    def scanner(self, *args: Any, **kwargs: Any) -> BleakScanner:
        """A `BleakScanner` on this radio; arguments as bleak's."""

    @abstractmethod
    def client(self, device: BLEDevice | str, *args: Any, **kwargs: Any) -> BleakClient:
        """A `BleakClient` on this radio; arguments as bleak's."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


def open_backend(spec: str | None = None, keys: Keys | None = None) -> Backend:
    """The backend for `spec` (default: HEARTLOG_BACKEND, else `system`), not yet opened.

    `keys` are those of paired monitors (default: this user's, `heartlog.security.keys.own_keys`).
    Raises `UsageProblem` if `spec` names no kind of backend.
    """
    if spec is None:
        spec = os.environ.get("HEARTLOG_BACKEND") or "system"
    backend = _make(spec)
    if keys is None:
        from heartlog.security.keys import own_keys

        keys = own_keys()
    backend.keys = keys
    return backend


def _make(spec: str) -> Backend:
    kind, _, rest = spec.partition(":")
    if kind == "system" and not rest:
        return SystemBackend()
    if kind == "bumble" and rest:
        return BumbleBackend(spec, rest)
    if kind == "virtual":
        return VirtualBackend(spec, Path(rest) if rest else default_run_dir())
    raise UsageProblem(f"There is no backend {spec!r}.", f"Choose one of: {KINDS}")


class SystemBackend(Backend):
    """bleak as it comes."""

    spec = "system"

    def __init__(self) -> None:
        self.clock = SystemClock()

    async def __aenter__(self) -> Self:
        if sys.platform == "linux" and not _system_bus_exists():
            # Without its bus, bleak ends in a FileNotFoundError that names no file.
            raise bluetooth_missing("D-Bus, through which BlueZ is reached, is not running")
        return self

    def scanner(self, *args: Any, **kwargs: Any) -> BleakScanner:
        from bleak import BleakScanner

        return BleakScanner(*args, **kwargs)

    def client(self, device: BLEDevice | str, *args: Any, **kwargs: Any) -> BleakClient:
        from bleak import BleakClient

        return BleakClient(device, *args, **kwargs)


class BumbleBackend(Backend):
    """Bumble's stack on the HCI transport that the spec names."""

    own_radio = True

    def __init__(self, spec: str, transport: str) -> None:
        self.spec = spec
        self.clock = SystemClock()
        self._transport = transport
        self._adapter: BumbleAdapter | None = None

    async def __aenter__(self) -> Self:
        try:
            from heartlog.ble.bumble_adapter import BumbleAdapter
        except ImportError as error:
            raise CommandError(
                f"The backend {self.spec} needs the package {error.name}.",
                "Install it: pip install 'heartlog[virtual]'",
            ) from error
        self._adapter = await BumbleAdapter.open(
            self._transport, self.keys.host_address if self.keys else None
        )
        return self

    async def __aexit__(self, *reason: object) -> None:
        if self._adapter is not None:
            await self._adapter.close()
            self._adapter = None

    @property
    def adapter(self) -> BumbleAdapter:
        if self._adapter is None:
            raise RuntimeError(f"the backend {self.spec} is not open")
        return self._adapter

    def scanner(self, *args: Any, **kwargs: Any) -> BleakScanner:
        from bleak import BleakScanner

        from heartlog.ble.bumble_scanner import BumbleScanner

        return BleakScanner(*args, backend=BumbleScanner, bumble=self.adapter, **kwargs)

    def client(self, device: BLEDevice | str, *args: Any, **kwargs: Any) -> BleakClient:
        from bleak import BleakClient

        from heartlog.ble.bumble_client import BumbleClient

        return BleakClient(device, *args, backend=BumbleClient, bumble=self.adapter, **kwargs)


class VirtualBackend(BumbleBackend):
    """A virtual monitor of this computer: its radio and its clock, as its run directory says."""

    def __init__(self, spec: str, run_dir: Path) -> None:
        self.run_dir = run_dir
        super().__init__(spec, "")

    async def __aenter__(self) -> Self:
        board = read_board(self.run_dir)
        self._transport = board["hci"]
        self.clock = clock = VirtualClock(self.run_dir / board["clock"])
        try:
            return await super().__aenter__()
        except BaseException as error:
            clock.close()
            if isinstance(error, CommandError):
                raise NotFound(
                    f"The virtual monitor in {self.run_dir} is not running any more.",
                    "Start one: python -m virtual_board",
                ) from error
            raise

    async def __aexit__(self, *reason: object) -> None:
        await super().__aexit__(*reason)
        # The clock stays readable: a session that ends now is stamped after the radio is closed.


def default_run_dir() -> Path:
    """Where a virtual monitor keeps its run files unless it is told otherwise."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / "heartlog-virtual"


def read_board(run_dir: Path) -> dict[str, str]:
    """`board.json` of a virtual monitor: `hci` (a Bumble transport) and `clock` (a file name)."""
    file = run_dir / "board.json"
    hint = "Start a virtual monitor: python -m virtual_board, or run: make demo"
    try:
        board = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"No virtual monitor runs in {run_dir}.", hint) from error
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} can't be read: {error}.", hint) from error
    if not isinstance(board, dict) or not all(
        isinstance(board.get(key), str) for key in ("hci", "clock")
    ):
        raise CommandError(f"{file} names no radio or no clock.", hint)
    return board


def _system_bus_exists() -> bool:
    """Whether the socket of D-Bus's system bus is there (other address kinds: assume so)."""
    default = "unix:path=/var/run/dbus/system_bus_socket"
    for address in os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", default).split(";"):
        kind, _, options = address.partition(":")
        path = dict(option.partition("=")[::2] for option in options.split(",")).get("path")
        if kind != "unix" or path is None or Path(path).exists():
            return True
    return False
