"""The self-test over the air: begun by a command, then its figures are asked for as they come."""

import asyncio
from collections.abc import Awaitable, Callable

from heartlog._firmware.monitor import limits
from heartlog._firmware.monitor.link import wire
from heartlog.errors import CommandError
from heartlog.link.monitor import Monitor
from heartlog.link.problems import RequestRefused
from heartlog.selftest.figures import Figure, Report

_BEGIN = {"open": wire.SELFTEST_OPEN, "connected": wire.SELFTEST_CONNECTED}
_ASK_SECONDS = 0.5
_LONGEST_SECONDS = 60.0
# What broke it off (afe/errors.py); 255 is the monitor's own: a charger, or someone's command.
_CAUSES = {
    1: "the front end does not answer",
    2: "the front end's ID is wrong",
    3: "a register does not read as it was written",
    4: "DRDY does not come",
    255: "it was ended: a charger was plugged in, or another host ended it",
}


async def over_the_air(
    monitor: Monitor,
    electrodes: str,
    tell: Callable[[Figure], None] = lambda _figure: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Report:
    """Run the self-test; `tell` gets each figure as it comes.

    Raises:
        CommandError: the monitor does not test itself now, or does not know how.
        LinkLost: the connection broke; the monitor ends the test by itself.
    """
    report = Report(monitor.info.device_id, electrodes)
    try:
        await monitor.request(wire.SELFTEST, _BEGIN[electrodes])
    except RequestRefused as error:
        raise _refused(error) from error
    waited = 0.0
    while True:
        number = len(report.figures)
        bits, code, channel, value, low, high = await monitor.request(wire.SELFTEST, number)
        if bits & wire.SELFTEST_IS_RESULT:
            figure = _figure(bits, code, channel, value, low, high)
            report.figures.append(figure)
            tell(figure)
            continue
        if not bits & wire.SELFTEST_IS_RUNNING:
            if not bits & wire.SELFTEST_IS_DONE:
                cause = bits >> 16 & 0xFF
                report.broken_off = _CAUSES.get(cause, f"the front end failed (code {cause})")
            return report
        if waited > _LONGEST_SECONDS:
            await monitor.request(wire.SELFTEST, wire.SELFTEST_STOP)
            report.broken_off = f"it did not end within {_LONGEST_SECONDS:.0f} s"
            return report
        waited += _ASK_SECONDS
        await sleep(_ASK_SECONDS)


def _figure(bits: int, code: int, channel: int, value: int, low: int, high: int) -> Figure:
    scale = 10.0 ** -(limits.MEASURED[code][2] if code in limits.MEASURED else 0)
    good = bool(bits & wire.SELFTEST_IS_GOOD)
    return Figure(code, channel, value * scale, low * scale, high * scale, good)


def _refused(error: RequestRefused) -> CommandError:
    if error.result == wire.NO_OPCODE:
        return CommandError(
            "The firmware on the monitor is too old to test itself over the air.",
            "Update it: heartlog device update --help",
        )
    if error.result == wire.NOT_COMPLETED:
        return CommandError(
            "The monitor does not test itself now: a session is running, it is on a charger, or"
            " its front end does not work.",
            "End the session, unplug the charger; heartlog live tells which it is.",
        )
    return error
