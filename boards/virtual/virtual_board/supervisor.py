"""Runs a board's MicroPython process: boots it, answers what it asks, boots it again.

A reset, a watchdog or a power cut ends the process; the next one gets the cause, the simulated
time, and what a real board keeps: flash, front end, battery, the patient's place in the record.
"""

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from heartlog.errors import CommandError
from heartlog.image.places import boards_dir
from virtual_board import cable as wire
from virtual_board import patient
from virtual_board.air import Air
from virtual_board.console import Console
from virtual_board.events import emit
from virtual_board.radio import Radio
from virtual_board.settings import CAUSES, PARTS, Settings

BOARD_DIR = boards_dir() / "virtual"  # in an installed tool: not beside this package
RUNTIME_DIR = BOARD_DIR / "runtime"
# From reset to the first line of main.py, on a Pico W.
BOOT_US = 300_000
# Two equal resistors bring the cell down to the ADC's range.
BATTERY_DIVIDER = 2
# While the power is off nothing happens: time runs, no faster than this, so that those who watch
# the clock see it go.
IDLE_SPEED = 50.0
# A process that closed its end of the cable is dying.
_LAST_BREATH_SECONDS = 1.0
_RUN = (
    "import sys\nfrom micropython_unix import run_main\n"
    "sys.exit(run_main(['micropython', *sys.argv[1:]]))"
)


class Supervisor:
    """One board: its process, its power, its state between two boots."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cable = wire.Cable(
            {
                wire.REQUEST: self._request,
                wire.EVENT: self._event,
                wire.EXCHANGE: self._exchange,
            }
        )
        self.radio = Radio(Air(), settings.stack, settings.unique, self._hint)
        self.state: dict[str, Any] = {
            "now_us": 0,
            "day_us": 1609459200 * 1_000_000,
            "patient_started_us": None,
            "playing": not settings.hold,
            "battery_mv": settings.battery_mv,
        }
        self.console = Console() if settings.console else None
        self.cause = "power"
        self.process: asyncio.subprocess.Process | None = None
        self.power = asyncio.Event()
        self.power.set()
        self.stopping = asyncio.Event()
        self.complaints: list[str] = []
        self.boots = 0
        self._heart: patient.Heart | None = None
        self._reset: dict[str, Any] | None = None
        self._failure: str | None = None
        self.booted = asyncio.Event()
        self._down = asyncio.Event()

    # -- the MicroPython process ---

    async def run(self) -> None:
        """Boot, and boot again after every reset, until told to stop.

        Raises:
            CommandError: the process ended without being told to.
        """
        while not self.stopping.is_set():
            await self._wait_for_power()
            if self.stopping.is_set():
                return
            await self._boot_once()

    async def _boot_once(self) -> None:
        ours, theirs = socket.socketpair()
        self._reset = None
        self._down.clear()
        self.boots += 1
        log = open(self.settings.run_dir / "board.log", "ab")  # noqa: SIM115
        with log, theirs:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _RUN, "-X", f"heapsize={self.settings.heap}"),
                *(["-i"] if self.console else []),
                *(str(RUNTIME_DIR / "boot.py"), str(RUNTIME_DIR), str(BOARD_DIR)),
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                **self._stdio(log),
            )
        if self.console is not None:
            self.console.pid = self.process.pid
            loop = asyncio.get_running_loop()

            def ask(on: bool) -> None:
                loop.call_soon_threadsafe(self._interrupt, on)

            self.console.ask = ask
        try:
            await self.cable.serve(ours)
        finally:
            # Killing a process that has just died would take its exit status from asyncio.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), _LAST_BREATH_SECONDS)
            self._kill()
            status = await self.process.wait()
            self.process = None
            self.booted.clear()
            self._down.set()
            if self._reset is not None:
                self._restart_state(self._reset)
            await self.radio.vanish(self.state["now_us"])
        if self.stopping.is_set():
            return
        if self._reset is not None:
            emit(event="reset", cause=self.cause, now_us=self.state["now_us"])
        elif self.power.is_set():
            how = f"signal {-status}" if status < 0 else f"status {status}"
            raise CommandError(
                f"The board's MicroPython process ended unexpectedly ({how}).",
                self._last_words(),
            )

    def _last_words(self) -> str:
        if self.console is None:
            return f"Its last words are in {self.settings.run_dir / 'board.log'}."
        said = self.console.printed.decode(errors="replace").strip().splitlines()
        return "Its last words: " + " | ".join(said[-6:])

    def _stdio(self, log: BinaryIO) -> dict[str, Any]:
        """Where the board's REPL is: nowhere, or on the console's port."""
        if self.console is None:
            return {
                "stdin": subprocess.DEVNULL,
                "stdout": log,
                "stderr": log,
                "start_new_session": True,
            }
        self.console.down()
        return self.console.stdio()

    def _restart_state(self, reset: dict[str, Any]) -> None:
        self.cause = reset["cause"]
        self.state = reset["state"]
        self.state["now_us"] += BOOT_US
        if self.cause in ("power", "power cut"):
            # A board that lost its power has lost the time of day too.
            self.state["day_us"] = 1609459200 * 1_000_000 - self.state["now_us"]

    def stop(self) -> None:
        """End the board; `run` returns."""
        self.stopping.set()
        self._kill()

    def _kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()  # it takes no notice of SIGTERM

    async def _wait_for_power(self) -> None:
        if self.power.is_set():
            return
        clock = self.settings.run_dir / "clock"
        speed = min(self.settings.speed or IDLE_SPEED, IDLE_SPEED)
        while not self.power.is_set() and not self.stopping.is_set():
            await asyncio.sleep(0.01)
            self.state["now_us"] += int(10_000 * speed)
            self.radio.pass_time(self.state["now_us"])
            unix = self.settings.epoch + self.state["now_us"] / 1e6
            with open(clock, "r+b") as f:
                f.write(struct.pack("<d", unix))
        self.cause = "power"
        self.state["day_us"] = 1609459200 * 1_000_000 - self.state["now_us"]
        self.state.pop("afe", None)

    # -- what the board asks and tells ---

    async def _request(self, payload: bytes) -> None:
        question = json.loads(payload)
        if question["ask"] == "config":
            reply = self._config()
        elif question["ask"] == "patient":
            reply = await self._prepare(float(question["rate"]))
        else:
            reply = await self.radio.call(question)
        self.cable.send(wire.REPLY, json.dumps(reply).encode())

    async def _exchange(self, payload: bytes) -> None:
        self.cable.send(wire.EXCHANGED, await self.radio.exchange(payload))

    def _hint(self, kind: int, number: int) -> None:
        self.cable.send(wire.AIR, struct.pack("<BH", kind, number))

    def _config(self) -> dict[str, Any]:
        chosen = self.settings
        board = json.loads((BOARD_DIR / "board.json").read_text())
        return {
            "now_us": self.state["now_us"],
            "day_us": self.state["day_us"],
            "ticks_ms": chosen.ticks_ms,
            "epoch": chosen.epoch,
            "clock": str(chosen.run_dir / "clock"),
            "image": str(chosen.image.resolve()),
            "speed": chosen.speed,
            "cpu": chosen.cpu,
            "bulk": chosen.bulk,
            "paused": chosen.paused and self.boots == 1,
            "cause": CAUSES[self.cause],
            "unique": list(chosen.unique),
            "pins": {pin["name"]: pin["pin"] for pin in board["pins"]},
            "spi": 0,
            "battery_divider": BATTERY_DIVIDER,
            "part": chosen.part,
            "console": chosen.console,
            "channels": self._leads(),
            "playing": self.state["playing"],
            "patient_started_us": self.state["patient_started_us"],
            "afe": self.state.get("afe"),
            "battery_mv": self.state["battery_mv"],
            "temperature": chosen.temperature,
            "charging": chosen.charging,
            "card": {"path": str(chosen.run_dir / "card.img"), "size": chosen.card_bytes},
            "flash": {
                "path": str(chosen.run_dir / "flash.bin"),
                "size": chosen.flash_bytes,
                "erase_us": chosen.erase_us,
                "program_us": chosen.program_us,
                "seed": chosen.seed + self.boots,
            },
            "random": list(f"{chosen.seed} {self.boots} ".encode() + chosen.unique),
            "files": {path: str(Path(source).resolve()) for path, source in chosen.files.items()},
            "stack": chosen.stack,
            "radio": chosen.radio,
        }

    def _leads(self) -> int:
        return max(2, PARTS[self.settings.part]) if self.settings.part else 2

    def load_heart(self) -> None:
        """Read the record, so that a bad one is told before the board boots."""
        self._heart = patient.load(self.settings.record, self._leads())

    async def _prepare(self, rate: float) -> dict[str, Any]:
        assert self._heart is not None
        path = self.settings.run_dir / f"patient-{rate:g}.f32"
        frames = await asyncio.to_thread(self._heart.write, path, rate)
        return {"path": str(path), "frames": frames, "loop": self.settings.loop}

    async def _event(self, payload: bytes) -> None:
        event = json.loads(payload)
        kind = event["event"]
        if kind == "booted":
            self.booted.set()
            if self.console is not None:
                self.console.up()
        elif kind == "reset":
            self._reset = event
        elif kind == "complaints":
            new = [text for text in event["complaints"] if text not in self.complaints]
            self.complaints += new
            emit(event="complaints", complaints=new)
        elif kind == "ended":
            self._failure = event["why"] or "its main program returned"
            emit(event="ended", why=self._failure)

    def _interrupt(self, on: bool) -> None:
        self.cable.send(wire.EVENT, json.dumps({"event": "interrupt", "on": on}).encode())

    # -- the control socket ---

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client: a JSON object a line in, one a line out."""
        try:
            while line := await reader.readline():
                try:
                    wanted = json.loads(line)
                    if not isinstance(wanted, dict):
                        raise ValueError("a command is a JSON object")
                    answer = await self.do(wanted)
                except ValueError as error:
                    answer = {"ok": False, "error": f"{error}"}
                except (ConnectionResetError, TimeoutError) as error:
                    answer = {"ok": False, "error": f"{error}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def do(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command; see README.md for all of them."""
        name = wanted.get("do")
        if name == "stop":
            self.stop()
            return {"ok": True}
        if name == "power":
            return await self._set_power(bool(wanted["on"]))
        if name == "status" and self.process is None:
            return {"ok": True, "power": False, "now_us": self.state["now_us"]}
        answer = await self.cable.command(wanted)
        if name == "status":
            pid = self.process.pid if self.process is not None else None
            answer.update(power=True, pid=pid, boots=self.boots, ended=self._failure)
            answer["complaints"] = self.complaints
        return answer

    async def _set_power(self, on: bool) -> dict[str, Any]:
        if on:
            self.power.set()
            await self.booted.wait()
        elif self.power.is_set():
            await self.booted.wait()
            self.power.clear()
            with contextlib.suppress(ConnectionResetError):
                await self.cable.command({"do": "cut"})
            await self._down.wait()
        return {"ok": True}
