"""A device in MicroPython (device.py) and a host's record flow, with a radio between that fails.

The radio is a list of packets: it keeps order, and may lose the end of what is under way when the
connection breaks, delay, throttle, or drop a notification in the middle (a host stack that ran
out of buffers). Everything is drawn from one seed.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from heartlog._firmware.monitor.link import wire
from heartlog.link.flow import RecordFlow
from heartlog.link.records import Record

DEVICE = Path(__file__).with_name("device.py")


class Device:
    """The MicroPython process; `truth()` is every record that it ever made."""

    def __init__(self, micropython: str, repository: Path, folder: Path, blocks: int = 16) -> None:
        self._command = [micropython, "-X", "heapsize=4M", str(DEVICE)]
        self._command += [str(repository / "firmware"), str(folder / "flash"), str(folder / "log")]
        self._blocks = blocks
        self._log = folder / "log"
        self._tails: list[tuple[int, int]] = []
        self.ticks = 0
        self.connected = False
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._command, str(self.ticks), str(self._blocks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.power_off()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the device ended: {self._process.wait()}"
        return line.rstrip("\n")

    def step(self, ms: int) -> list[tuple[str, bytes]]:
        """The main loop for so long; ("n" records | "a" answer | "o" other, bytes)."""
        assert self._process.stdin is not None
        self.say(f"s {ms}")
        self._process.stdin.flush()
        out = []
        while (line := self._read()) != ".":
            kind, _, data = line.partition(" ")
            assert kind in ("n", "a", "o"), line
            out.append((kind, bytes.fromhex(data)))
        return out

    def info(self) -> dict[str, int]:
        assert self._process.stdin is not None
        self.say("i")
        self._process.stdin.flush()
        names = ("next", "first", "flushed", "acked", "boot", "journal", "heap", "refused")
        return dict(zip(names, map(int, self._read().split()[1:]), strict=True))

    def reboot(self) -> None:
        """The power goes without warning: what was not flushed is lost."""
        state = self.info()
        self._tails.append((state["flushed"], state["next"]))
        self._process.kill()
        self._process.wait()
        self._close()
        self.start()

    def power_off(self) -> None:
        if self._process.poll() is None:
            self.say("x")
            assert self._process.stdin is not None
            self._process.stdin.flush()
            self._process.wait(20)
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self.connected = False

    def truth(self) -> dict[int, tuple[int, int, bytes]]:
        """seq -> (boot, kind, body) of every record that was ever given a number."""
        found = {}
        for line in self._log.read_text().splitlines():
            seq, boot, kind, *body = line.split()
            assert int(seq) not in found, f"seq {seq} was used twice"
            found[int(seq)] = int(boot), int(kind), bytes.fromhex(body[0] if body else "")
        return found

    def unflushed(self) -> set[int]:
        """Numbers of records that were not in flash when the power went."""
        return {seq for last, following in self._tails for seq in range(last + 1, following)}


@dataclass
class Host:
    """The host's side, with a store that is a dict: exactly once, committed, then acknowledged."""

    rng: random.Random
    store: dict[int, Record] = field(default_factory=dict)
    missing: list[tuple[int, int]] = field(default_factory=list)
    watermark: int = 0
    early: int = 0
    even: bool = False  # the monitor sends as a paired one does

    def commit(self, records: list[Record], missing: list[tuple[int, int]]) -> None:
        assert all(first <= last for first, last in missing), missing
        self.missing += missing
        for record in records:
            assert record.seq not in self.store, f"record {record.seq} twice"
            self.store[record.seq] = record
            assert record.seq > self.watermark
            self.watermark = record.seq

    def connection(self, device: Device, rounds: int, loss: float, chaos: bool = True) -> None:
        """One connection that lives for some rounds, and then breaks at any notification."""
        rng = self.rng
        device.say("c 1")
        if self.even:
            device.say("e")
        device.say(f"m 1 {rng.choice((23, 50, 185, 247))}")
        device.say("w 1 " + wire.command(wire.HELLO, 1, wire.VERSION).hex())
        answers = [wire.answer(d) for kind, d in device.step(20) if kind == "a"]
        _, _, _, (_, _, boot, journal) = answers[0]
        flow = RecordFlow(boot, journal, self.watermark, rng.choice((4, 24)))
        for _ in range(rounds):
            if flow.must_report:
                device.say("w 1 " + flow.report(2).hex())
            if (grant := flow.grant()) is not None:
                device.say("w 1 " + grant.hex())
            if chaos and rng.random() < 0.3:
                device.say(f"q {rng.randrange(6)}")
            if rng.random() < 0.5:
                device.say(f"b {rng.randrange(12)}")
            packets = device.step(rng.randrange(1, 400))
            if chaos and rng.random() < 0.05:
                packets = packets[: rng.randrange(len(packets) + 1)]  # broke here
                self._deliver(flow, packets, loss, device)
                break
            self._deliver(flow, packets, loss, device)
        device.say("d 1")
        device.step(10)

    def _deliver(
        self, flow: RecordFlow, packets: list[tuple[str, bytes]], loss: float, device: Device
    ) -> None:
        for kind, data in packets:
            if kind == "a":
                opcode, _, result, _ = wire.answer(data)
                if opcode == wire.REPORT:
                    assert result == wire.OK
                    flow.reported()
            elif kind == "n" and self.rng.random() >= loss:
                batch = flow.receive(data)
                self.early += len(batch.early)
                self.commit(batch.records, batch.missing)
        if self.rng.random() < 0.5 and self.watermark:
            device.say("w 1 " + wire.command(wire.ACK, 0, self.watermark).hex())
