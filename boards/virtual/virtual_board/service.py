"""The process of one virtual board: its sockets, its files, and the supervisor that runs it.

    python -m virtual_board.service < settings

The first line on stdin is the settings; stdin's end means that whoever started it is gone. Events
come out on stdout, one JSON object a line: {"ready": ...} or {"error": ..., "hint": ...} first,
then complaints, resets and failures.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator

from heartlog.errors import CommandError, explain
from virtual_board.events import emit
from virtual_board.hosts import HciPort
from virtual_board.settings import Settings
from virtual_board.supervisor import Supervisor


async def _until_orphaned(supervisor: Supervisor) -> None:
    """Stop when stdin ends: nobody is left to stop this board."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while await reader.read(1024):
        pass
    supervisor.stop()


@contextlib.contextmanager
def _port(port: int, purpose: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"Port {port} can't be used for the {purpose}: {error.strerror}.",
            "Another program has it: choose another port, or 0 for any that is free.",
        ) from error


async def main(settings: Settings) -> None:
    """Run a board until it is stopped."""
    logging.getLogger("bumble").setLevel(logging.ERROR)
    supervisor = Supervisor(settings)
    supervisor.load_heart()
    run_dir = settings.run_dir
    (run_dir / "clock").write_bytes(struct.pack("<d", settings.epoch))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    with _port(settings.control_port, "control socket"):
        server = await asyncio.start_server(supervisor.control, "127.0.0.1", settings.control_port)
    hosts = HciPort(supervisor.radio.air)
    with _port(settings.hci_port, "hosts' Bluetooth controllers"):
        port = await hosts.open(settings.hci_port)
    description = {
        "hci": f"tcp-client:127.0.0.1:{port}",
        "control": f"127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "clock": "clock",
        "console": supervisor.console.port if supervisor.console else None,
        "pid": os.getpid(),
        "speed": settings.speed,
        "stack": settings.stack,
        "record": settings.record,
        "started": time.time(),
    }
    partial = run_dir / "board.json.new"
    partial.write_text(json.dumps(description, indent=1))
    partial.replace(run_dir / "board.json")
    orphan = asyncio.create_task(_until_orphaned(supervisor))
    running = asyncio.create_task(supervisor.run())
    booted = asyncio.create_task(supervisor.booted.wait())
    try:
        await asyncio.wait((running, booted), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            emit(ready=description)
        await running
    finally:
        booted.cancel()
        orphan.cancel()
        server.close()
        hosts.close()
        (run_dir / "board.json").unlink(missing_ok=True)


def _entry() -> int:
    settings = Settings.from_json(sys.stdin.readline())
    try:
        asyncio.run(main(settings))
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        emit(error=told.message, hint=told.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_entry())
