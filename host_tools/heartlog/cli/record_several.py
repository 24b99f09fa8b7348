"""`heartlog record` with several monitors: one screen, a session each, none waits for another.

    heartlog record --monitor kitchen --patient P-1 --monitor hall --patient P-2
    heartlog record --all

A monitor that fails (not found, taken by another program) says so and ends alone; the others go
on.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from heartlog.cli import output
from heartlog.errors import CommandError, UsageProblem

if TYPE_CHECKING:
    from heartlog.ble import Backend, Found
    from heartlog.cli.record import Wish
    from heartlog.live.progress import Follower
    from heartlog.recorder import Recorder


class Outcome(NamedTuple):
    """What came of one monitor; `error`: why it ended alone."""

    name: str
    follower: Follower
    error: CommandError | None

    def as_json(self) -> dict[str, Any]:
        """As the outcome of a single monitor, with its name and what went wrong."""
        error = None if self.error is None else self.error.message
        return {"monitor": self.name, **self.follower.as_json(), "error": error}


def check(monitors: list[str], patients: list[str], everything: bool, screen: bool) -> None:
    """Raises UsageProblem when it is not clear who wears which monitor."""
    several = everything or len(monitors) > 1
    if everything and monitors:
        raise UsageProblem("--all and --monitor contradict each other.", "Give one of them.")
    if everything and patients:
        raise UsageProblem(
            "With --all it is not known who wears which monitor.",
            "Name them: --monitor NAME --patient ID, once for each.",
        )
    if (len(patients) > 1 or (several and patients)) and len(patients) != len(monitors):
        raise UsageProblem(
            f"--monitor was given {len(monitors)} times and --patient {len(patients)} times: it"
            " is not clear who wears which.",
            "Give --monitor NAME --patient ID once for each, in the same order.",
        )
    if several and screen:
        raise UsageProblem(
            "--screen shows one monitor.", "Leave it out, or record each in a terminal of its own."
        )


async def record_several(
    specs: list[str], store_url: str | None, wishes: list[Wish], everything: bool
) -> list[Outcome]:
    """Records until the time is over or Ctrl-C; an outcome for each monitor."""
    from heartlog.ble import open_backend
    from heartlog.cli.stopping import stopping
    from heartlog.store import Store

    with Store.open(store_url) as store:
        async with contextlib.AsyncExitStack() as stack:
            backends = [await stack.enter_async_context(open_backend(spec)) for spec in specs]
            places: list[tuple[Backend, Found]] = []
            if everything:
                places = await _everyone(backends)
                wishes = [wishes[0]._replace(monitor=f.address) for _, f in places]
            ones = [
                _One(store, wish, backends, places[i] if everything else None)
                for i, wish in enumerate(wishes)
            ]
            running = [asyncio.create_task(one.run()) for one in ones]

            def cancel() -> None:
                for task in running:
                    task.cancel()

            def ask() -> None:
                output.note("Ending the sessions; once more Ctrl-C leaves them open ...")
                for one, task in zip(ones, running, strict=True):
                    if one.recorder is None or one.recorder.session_id is None:
                        task.cancel()  # nothing has begun: there is nothing to end
                    else:
                        one.recorder.stop()

            with stopping(ask, cancel):
                async with output.kept_up_to_date(lambda: "\n".join(one.line() for one in ones)):
                    await asyncio.gather(*running, return_exceptions=True)
            return [one.outcome(task) for one, task in zip(ones, running, strict=True)]


async def _everyone(backends: list[Backend]) -> list[tuple[Backend, Found]]:
    """Every monitor that any of the radios hears; the strongest radio has it."""
    from heartlog.ble import scan
    from heartlog.ble.discovery import choose

    with output.err().status("Listening for monitors ..."):
        heard = await asyncio.gather(*(scan(backend) for backend in backends))
    best: dict[str, tuple[Backend, Found]] = {}
    for backend, found in zip(backends, heard, strict=True):
        for one in found:
            if one.address not in best or best[one.address][1].rssi < one.rssi:
                best[one.address] = backend, one
    if not best:
        choose([], None)  # raises
    return sorted(best.values(), key=lambda place: place[1].name)


async def _locate(backends: list[Backend], wanted: str | None) -> tuple[Backend, Found | None]:
    """The radio that reaches a monitor; with one radio its recorder looks for it itself."""
    from heartlog.ble import find_monitor
    from heartlog.ble.discovery import choose

    if len(backends) == 1:
        return backends[0], None
    tries = await asyncio.gather(
        *(find_monitor(backend, wanted) for backend in backends), return_exceptions=True
    )
    found = {id(t): b for b, t in zip(backends, tries, strict=True) if not _failed(t)}
    if not found:
        raise next(t for t in tries if isinstance(t, BaseException))
    one = choose([t for t in tries if not isinstance(t, BaseException)], wanted)
    return found[id(one)], one


def _failed(outcome: object) -> bool:
    return isinstance(outcome, BaseException)


class _One:
    """One monitor's recording."""

    def __init__(
        self, store: Any, wish: Wish, backends: list[Backend], place: tuple[Backend, Found] | None
    ) -> None:
        from heartlog.cli.record import session_columns
        from heartlog.live.progress import Follower

        self._store, self._wish, self._backends, self._place = store, wish, backends, place
        self._columns = session_columns(store, wish)
        self.name = place[1].name if place is not None else wish.monitor or "monitor"
        self.follower = Follower(say=lambda text: output.note(f"{self.name}: {text}"))
        self.recorder: Recorder | None = None
        self._backend = backends[0]
        self._ended = ""

    async def run(self) -> None:
        """Records; a CommandError is said at once, and raised."""
        from heartlog.recorder import Recorder

        try:
            self._backend, found = self._place or await _locate(self._backends, self._wish.monitor)
            self.recorder = Recorder(
                self._store,
                self._backend,
                wanted=self._wish.monitor,
                found=found,
                session=self._columns,
                on_event=self.follower.take,
            )
            await self.recorder.run(self._wish.seconds)
        except CommandError as error:
            self._ended = error.message
            output.note(f"{self.name}: {error.message} Next: {error.hint}")
            raise

    def line(self) -> str:
        """How it goes, in one line."""
        if self._ended:
            return f"{self.name[:16]:16} ended: {self._ended}"[:79]
        return f"{self.name[:16]:16} {self.follower.line(self._backend.clock.now())}"[:79]

    def outcome(self, task: asyncio.Task[None]) -> Outcome:
        """After the end; raises what is no CommandError."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CommandError):
            raise error
        return Outcome(self.name, self.follower, error)
