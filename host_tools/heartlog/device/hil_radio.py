"""The host's half of the on-target radio test: finds the board, connects, counts notifications."""

import asyncio
import itertools
import struct

from heartlog.ble.backend import open_backend
from heartlog.errors import CommandError

NAME = "heartlog-hil"
NUMBERS = "7e1df002-5c2b-4f8e-a3d4-68656172746c"
WANTED = 20


async def listen(spec: str, seconds: float) -> str:
    """Wait for the board to advertise, connect, and take 20 notifications in order.

    Returns a line of figures. `seconds` is how long the board is on the air.

    Raises:
        CommandError: not found, or fewer notifications, or out of order.
    """
    numbers: list[int] = []
    enough = asyncio.Event()

    def on_number(_: object, data: bytearray) -> None:
        numbers.append(struct.unpack("<I", data)[0])
        if len(numbers) >= WANTED:
            enough.set()

    async with open_backend(spec) as backend:
        found: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def on_advertisement(device: object, data: object) -> None:
            name = getattr(data, "local_name", None) or getattr(device, "name", None)
            if name == NAME and not found.done():
                found.set_result(device)

        async with backend.scanner(on_advertisement):
            try:
                device = await asyncio.wait_for(found, seconds)
            except TimeoutError as error:
                raise CommandError(
                    f"No {NAME} was heard on {spec}.", "Is the board's radio in range?"
                ) from error
        async with backend.client(device) as client:  # type: ignore[arg-type]
            await client.start_notify(NUMBERS, on_number)
            try:
                await asyncio.wait_for(enough.wait(), seconds)
            except TimeoutError as error:
                raise CommandError(
                    f"Only {len(numbers)} of {WANTED} notifications came.",
                    "Move closer; try again.",
                ) from error
    steps = {second - first for first, second in itertools.pairwise(numbers)}
    if steps != {1}:
        raise CommandError(
            f"Notifications came out of order: {numbers}.", "This is a fault; please report it."
        )
    return f"heard={len(numbers)} first={numbers[0]}"
