"""Who may talk to whom: the handshake by the pairing key, and what follows from an identity."""

from __future__ import annotations

from typing import Any, Protocol

from heartlog._firmware.monitor.link import wire
from heartlog.link.problems import LostMonitor, NotLetIn, RequestRefused
from heartlog.security.channel import CHALLENGE_BYTES, Handshake, NotOurMonitor
from heartlog.security.keys import Keys


class Request(Protocol):
    """`Monitor.request`: an opcode and its operands, for the operands of the answer."""

    async def __call__(self, opcode: int, *operands: Any) -> tuple[Any, ...]:
        """RequestRefused unless the answer is OK."""


async def shake_hands(request: Request, key: bytes) -> Handshake:
    """Each side proves that it holds the key; returns what seals all that follows.

    Raises:
        NotLetIn: one of them can't.
    """
    handshake = Handshake(key)
    try:
        proof = await _proof(request, handshake)
        await request(wire.KEY_ANSWER, handshake.answer(b"".join(proof)))
    except RequestRefused as error:
        if error.result == wire.NO_OPCODE:
            why = "is not paired: it asks for no key"
        elif error.result == wire.NOT_COMPLETED:
            why = "takes no key just now, after too many wrong ones"
        else:
            why = "does not take this computer's key"
        raise NotLetIn(
            f"The monitor {why}.", "Wait a minute and try again, or pair it anew over USB."
        ) from error
    except NotOurMonitor as error:
        raise NotLetIn(
            "The monitor can't prove that it holds this session's key: it is another one,"
            " or a copy.",
            "Use the monitor that was paired, or pair this one over USB.",
        ) from error
    return handshake


async def _proof(request: Request, handshake: Handshake) -> tuple[Any, ...]:
    """The answer to a hello; to a second one when the monitor, slowed down by strangers' guesses,
    gives the chance to show that this is no stranger."""
    hello = handshake.hello()
    try:
        return await request(wire.KEY_HELLO, hello[0], hello[1:])
    except RequestRefused as refused:
        if refused.result != wire.NOT_COMPLETED or len(refused.told) < CHALLENGE_BYTES:
            raise
        hello = handshake.hello(refused.told[:CHALLENGE_BYTES])
        return await request(wire.KEY_HELLO, hello[0], hello[1:])


async def check_identity(
    request: Request, keys: Keys, device: str, journal: int, proven: bool
) -> None:
    """Refuses one that was reported lost, and wipes it if it can prove to be it; refuses one
    that says it is a paired monitor and proves nothing. `proven`: its key was right.

    Raises:
        NotLetIn, LostMonitor: see above.
    """
    if not keys.lost(device):
        if not proven and keys.get(device) is not None:
            raise NotLetIn(
                f"This monitor says it is {device}, which is paired here, but has no key.",
                "It was wiped, or is another one. Pair it: heartlog pair",
            )
        return
    if not proven:
        raise LostMonitor(
            f"Monitor {device} was reported lost, and was wiped or is another one now.",
            "To use it again, pair it anew over USB: heartlog pair",
        )
    await request(wire.WIPE, journal)
    keys.mark_wiped(device)
    raise LostMonitor(
        f"Monitor {device} was reported lost. It has now been wiped: nothing is left on it.",
        "To use it again, pair it anew over USB: heartlog pair",
    )
