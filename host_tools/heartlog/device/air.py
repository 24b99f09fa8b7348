"""Sends a signed firmware image to a monitor over the air, and goes on where it was cut off.

    async with Monitor(backend, device, key) as monitor:
        await send_update(monitor, sign_image(image, signing_key), progress)

The monitor takes the image beside the one that runs, checks hash and signature itself, resets
into it when no session is recording, and goes back by itself if it does not come up
(`firmware/monitor/update.py`). A connection that is lost costs at most the last 4096 bytes.
"""

import asyncio
from collections.abc import Callable

from heartlog._firmware.monitor.link import wire
from heartlog.device.signing import SignedImage
from heartlog.errors import CommandError
from heartlog.link.monitor import Monitor
from heartlog.link.problems import LinkLost

CHUNK = 160  # bytes in a request: with its seal it fits an MTU of 185, the smallest usual one
_SECONDS_TO_CHECK = 120.0

READY, FAILED = 4, 5
OK, WRONG_OFFSET = 0, 6
REASONS = {
    1: ("it has no second place for an image", "Update it over USB: heartlog device flash"),
    2: ("it was given no key for updates", "Give it one: heartlog device flash --key FILE"),
    3: ("it is recording, or its last update is still on trial", "Stop the session, then retry."),
    4: ("its flash has no room", "Fetch and erase its journal, then try again."),
    5: ("a session has begun on it meanwhile", "Stop the session, then send the update again."),
    9: ("the image did not arrive whole", "Try again."),
    10: ("the signature is not by the key that it knows", "Sign with the right key: --key FILE"),
    11: ("the image is damaged", "Build it again: make image"),
    12: ("the image is for another board", "Build the one for this board."),
    13: ("the image is older than the one it runs", "Older firmware goes on over USB only."),
    14: ("its flash failed", "Try again; if it stays so, the board is worn out."),
    15: (
        "records that were never fetched lie where the image would",
        "Fetch them (heartlog fetch), then send the update again. Nothing was deleted.",
    ),
}

Progress = Callable[[int, int], None]


class UpdateRefused(CommandError):
    """The monitor did not take the image; `reason` is its number (firmware/monitor/update.py)."""

    def __init__(self, reason: int) -> None:
        words, hint = REASONS.get(reason, (f"reason {reason}", "Try again."))
        super().__init__(f"The monitor did not take the update: {words}.", hint)
        self.reason = reason


async def send_update(
    monitor: Monitor, signed: SignedImage, progress: Progress = lambda _done, _total: None
) -> int:
    """Send the image and wait until it is checked; returns the offset that it went on from.

    The monitor then resets into the new image, so the link ends soon after.

    Raises:
        UpdateRefused: with the monitor's reason.
        LinkLost: the connection broke; sending again goes on where it was.
    """
    status, offset = await monitor.request(
        wire.UPDATE_BEGIN, signed.size, signed.sha256, signed.signature
    )
    if status != OK:
        raise UpdateRefused(status)
    first = offset
    while offset < signed.size:
        chunk = signed.data[offset : offset + CHUNK]
        status, offset = await monitor.request(wire.UPDATE_DATA, offset, tail=chunk)
        if status not in (OK, WRONG_OFFSET):
            raise UpdateRefused(status)
        progress(offset, signed.size)
    status, _ = await monitor.request(wire.UPDATE_FINISH)
    if status != OK:
        raise UpdateRefused(status)
    await _wait(monitor)
    return int(first)


async def _wait(monitor: Monitor) -> None:
    """Until the monitor has checked everything."""
    try:
        async with asyncio.timeout(_SECONDS_TO_CHECK):
            while True:
                state, reason, _ = await monitor.request(wire.UPDATE_STATUS)
                if state == FAILED:
                    raise UpdateRefused(reason)
                if state == READY:
                    return
                await asyncio.sleep(0.2)
    except LinkLost:
        return  # it was quicker: it has checked everything and reset into the new image
    except TimeoutError as error:
        raise CommandError(
            "The monitor is still checking the image after two minutes.",
            "Look later which firmware it runs: heartlog scan",
        ) from error
