"""Keeps the live screen up to date: full-screen on a terminal, a line a second elsewhere.

view = View()
async with view.shown(output.err()):
    view.take(record); view.take_ecg(boot, first_sample, codes); view.status = "connected"
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

import numpy.typing as npt

from heartlog.fit.arrangements import colours
from heartlog.live.screen import render
from heartlog.live.state import AnyRecord, LiveState
from heartlog.live.trace import Trace

if TYPE_CHECKING:
    from rich.console import Console

    from heartlog.link.ecgflow import EcgBlock

FRAMES_PER_SECOND = 8
"""Enough for a trace that scrolls; few enough for a slow SSH line (about 2 kB a frame)."""
LINE_SECONDS = 1.0
SENTENCES = 3
"""Of what happened, on the screen while recording."""


class View:
    """What is on the screen: the state, the trace, a status and a foot."""

    def __init__(self, state: LiveState | None = None, foot: Iterable[str] = ()) -> None:
        self.state = state or LiveState()
        self.trace: Trace | None = None
        self.status = "looking for the monitor ..."
        self.foot = list(foot)
        self._ecg_boot: int | None = None

    def take(self, record: AnyRecord) -> None:
        """Show a record."""
        self.state.take(record)

    def take_ecg(
        self, boot: int, first_sample: int, codes: npt.ArrayLike, channel: int = 1
    ) -> None:
        """Show a piece of ECG: converter codes from `first_sample` on."""
        import numpy as np

        if not self.state.nv_per_code:
            return
        self.state.channel = channel  # a monitor sends the ECG that its beats come from
        if self.trace is None or boot != self._ecg_boot or self.trace.rate != self.state.rate:
            self.trace = Trace(self.state.rate)
            self._ecg_boot = boot
        microvolts = np.asarray(codes, np.float32) * np.float32(self.state.nv_per_code / 1000.0)
        self.trace.add(first_sample, microvolts)
        self.state.hear(first_sample + len(microvolts))

    def take_block(self, block: EcgBlock) -> None:
        """As `take_ecg`, a block as the link gives it."""
        self.take_ecg(block.boot, block.first, block.codes, block.channel + 1)

    def say(self, text: str) -> None:
        """Keep the last sentences of what happened at the foot of the screen."""
        self.status = "recording"
        self.foot = [*self.foot[-(SENTENCES - 1) :], text]

    @contextlib.asynccontextmanager
    async def shown(self, console: Console) -> AsyncIterator[None]:
        """Keep `console` up to date while the block runs; ends it when that can't be done (as
        when whoever read the lines has closed the pipe) and raises why."""
        loop = self._redraw(console) if console.is_terminal else self._report(console)
        task = asyncio.create_task(loop)
        owner = asyncio.current_task()

        def end(done: asyncio.Task[None]) -> None:
            if owner is not None and not done.cancelled() and done.exception() is not None:
                owner.cancel()

        task.add_done_callback(end)
        try:
            yield
        finally:
            task.cancel()
            (failed,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(failed, Exception):
                raise failed

    async def _redraw(self, console: Console) -> None:
        from rich.live import Live

        unicode = (console.encoding or "").lower().startswith("utf")
        with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
            while True:
                width, height = console.size
                picture = render(
                    self.state,
                    self.trace,
                    width=width,
                    height=height - 1,
                    status=self.status,
                    foot=self.foot,
                    unicode=unicode,
                )
                live.update(picture, refresh=True)
                await asyncio.sleep(1.0 / FRAMES_PER_SECOND)

    async def _report(self, console: Console) -> None:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            console.print(self.line(), markup=False, highlight=False, soft_wrap=True)

    def line(self) -> str:
        """The state in one line."""
        state = self.state
        rate = f"{state.heart_rate:.0f}" if state.heart_rate else "--"
        rr = f"{state.last_rr_ms:.0f}" if state.last_rr_ms else "--"
        names = [name for name, on in state.electrodes() if not on]
        off = "".join(f"  {n} off ({colours(n)})" if colours(n) else f"  {n} off" for n in names)
        fault = f"  FAULT: {state.fault}" if state.fault else ""
        return (
            f"{self.status}  {rate} beats/min  RR {rr} ms  beats {state.beat_count}"
            f"  signal {state.signal_name}{state.other_lead}{off}{fault}"
        )
