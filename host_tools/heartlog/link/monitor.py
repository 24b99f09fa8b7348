"""A connected monitor: `flow` on a bleak client, with requests, time and silence watched over."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from heartlog._firmware.monitor.link import wire
from heartlog.ble import Backend
from heartlog.ble.cancellation import Heed, heeding
from heartlog.link.admission import check_identity, shake_hands
from heartlog.link.clocks import SyncPoint, synchronize
from heartlog.link.ecgflow import EcgBlock, EcgFlow
from heartlog.link.flow import WINDOW, Batch, RecordFlow
from heartlog.link.local_time import follow_local_time
from heartlog.link.problems import LinkLost, NotLetIn, RequestRefused
from heartlog.security.channel import Channel, Forged
from heartlog.security.journal import JournalKeys

ANSWER_SECONDS = 5.0
"""Real seconds to wait for an answer: a monitor answers within one turn of its loop."""
SILENCE_SECONDS = 5.0
"""Seconds of the backend's clock without any frame: the link is taken to be dead."""
_LOOK_SECONDS = 0.25
_LATE_SECONDS = 2 * _LOOK_SECONDS
"""A wait that took so long was this computer's own affair."""
_ANSWER_HEAD = 3
"""Bytes of an answer before what it says: opcode, tag, result."""
_REPORTED, _CREDITS = b"", bytes(1)
_KIND_COMMAND, _KIND_ANSWER, _KIND_RECORDS, _KIND_ECG = 1, 2, 3, 4
"""What a sealed frame is for, as in `firmware/monitor/link/guard.py`."""
_MODEL, _FIRMWARE = (f"0000{n:04x}-0000-1000-8000-00805f9b34fb" for n in (0x2A24, 0x2A26))


@dataclass(frozen=True, slots=True)
class MonitorInfo:
    """Who the monitor is."""

    version: int
    device_id: str
    """Sixteen hexadecimal digits, the chip's own."""
    boot: int
    journal: int
    """A random number made when the journal was formatted: sequence numbers count within it."""
    model: str
    firmware: str
    serial: str = ""
    """As on its label; "" unless it was given one and let this computer in."""


class Monitor:
    """A monitor; `async with Monitor(backend, device) as m` connects and says hello.

    With `key` (32 bytes) the monitor must prove that it holds the same one, and all that follows
    is sealed; NotLetIn when it can't, or when it wants a key and none is given.
    """

    info: MonitorInfo

    def __init__(self, backend: Backend, device: Any, key: bytes | None = None) -> None:
        self._key = key
        self._keys = backend.keys
        self.link_secured = False
        """Whether LE Secure Connections encrypt the link too, beneath the sealed channel."""
        self._seal: Channel | None = None
        self._open: Channel | None = None
        self._backend = backend
        self._journal_keys: JournalKeys | None = None
        self._clock = backend.clock
        self._client = backend.client(device, disconnected_callback=self._on_disconnect)
        self._answers: dict[int, asyncio.Future[tuple[int, tuple[Any, ...], bytes]]] = {}
        self._tag = 0
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._writing = asyncio.Lock()
        self.flow: RecordFlow | None = None
        self.ecg_flow = EcgFlow()
        self.on_ecg: Callable[[EcgBlock], None] | None = None
        """Called with each block of ECG that arrives (`start_ecg`, `fetch_ecg`)."""
        self._ecg_granted = -1
        self.last_heard = self._clock.ticks()

    async def __aenter__(self) -> Self:
        heed = Heed()
        await self._client.connect()
        try:
            heed.check()
            await self._client.start_notify(wire.CONTROL_UUID, self._on_answer)
            await self._client.start_notify(wire.RECORDS_UUID, self._on_frame)
            await self._client.start_notify(wire.ECG_UUID, self._on_ecg_frame)
            if self._key is not None:
                hands = await shake_hands(self.request, self._key)
                self._seal, self._open = hands.to_monitor, hands.from_monitor
                await self._secure_link(self._key, hands.passkey)
            version, identity, boot, journal = await self._hello()
            if self._keys is not None:
                proven = self._seal is not None
                await check_identity(self.request, self._keys, identity.hex(), journal, proven)
            model, firmware, serial = await self._describe()
            heed.check()
        except BaseException:
            await self._close()
            raise
        self.info = MonitorInfo(version, identity.hex(), boot, journal, model, firmware, serial)
        if self._keys is not None:
            self._journal_keys = self._keys.journal(self.info.device_id)
        self.ecg_flow = EcgFlow(journal, self._journal_keys)
        self.last_heard = self._clock.ticks()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._client.disconnect()
        self._on_disconnect(self._client)

    async def _secure_link(self, key: bytes, passkey: int) -> None:
        """The link layer's own security on top, where both stacks have it and are ours to use."""
        if self._keys is None or not self._backend.own_radio:
            return
        if (await self.status())["flags"] & wire.STATUS_PAIRS:
            from heartlog.ble.link_security import secure_link

            self.link_secured = await secure_link(self._client, passkey, self._keys, key)

    async def _hello(self) -> tuple[Any, ...]:
        try:
            return await self.request(wire.HELLO, wire.VERSION)
        except RequestRefused as error:
            if self._key is not None or error.result != wire.REFUSED:
                raise
            raise NotLetIn(
                "The monitor is paired, and this computer holds no key for it.",
                "Record on the computer that paired it, or pair it with this one over USB.",
            ) from error

    async def wipe(self) -> None:
        """The monitor forgets everything, its keys before this returns, and restarts.

        RequestRefused by one that is not paired."""
        await self.request(wire.WIPE, self.info.journal)
        if self._keys is not None:
            self._keys.mark_wiped(self.info.device_id)

    async def _describe(self) -> tuple[str, str, str]:
        if self._seal is not None:
            values = await self.request(wire.DESCRIBE)
        else:
            values = tuple(
                [bytes(await self._client.read_gatt_char(u)) for u in (_MODEL, _FIRMWARE)] + [b""]
            )
        model, firmware, serial = (v.rstrip(b"\0").decode(errors="replace") for v in values)
        return model, firmware, serial

    # What bleak calls

    def _on_disconnect(self, _client: Any) -> None:
        self._gone.set()
        self._frames.put_nowait(None)
        for future in self._answers.values():
            if not future.done():
                future.set_exception(LinkLost("The monitor has disconnected."))
        self._answers.clear()

    def _on_answer(self, _sender: Any, data: bytearray) -> None:
        self.last_heard = self._clock.ticks()
        text = self._opened(_KIND_ANSWER, data)
        if text is None:
            return
        try:
            _opcode, tag, result, operands = wire.answer(text)
        except wire.WireError:
            return
        future = self._answers.pop(tag, None)
        if future is not None and not future.done():
            future.set_result((result, operands, text[_ANSWER_HEAD:]))
            if text[0] & 0x7F == wire.ECG_SET and result == wire.OK:
                self.ecg_flow.begun()
            if text[0] & 0x7F == wire.REPORT and result == wire.OK:
                self._frames.put_nowait(_REPORTED)  # frames behind it belong to the new stream

    def _on_frame(self, _sender: Any, data: bytearray) -> None:
        self.last_heard = self._clock.ticks()
        text = self._opened(_KIND_RECORDS, data)
        if text is not None:
            self._frames.put_nowait(text)

    def _opened(self, kind: int, data: bytearray) -> bytes | None:
        """The clear text of a notification; a forged one ends the connection."""
        if self._open is None:
            return bytes(data)
        try:
            return self._open.open(kind, bytes(data))
        except Forged:
            self._on_disconnect(self._client)
            return None

    def _on_ecg_frame(self, _sender: Any, data: bytearray) -> None:
        self.last_heard = self._clock.ticks()
        text = self._opened(_KIND_ECG, data)
        if text is None:
            return
        for block in self.ecg_flow.receive(text):
            if self.on_ecg is not None:
                self.on_ecg(block)
        if (self.ecg_flow.taken - self._ecg_granted) & 0xFFFF >= WINDOW // 2:
            self._frames.put_nowait(_CREDITS)  # the records' loop sends them

    # Requests

    def _next_tag(self) -> int:
        self._tag = self._tag % 255 + 1
        return self._tag

    async def request(self, opcode: int, *operands: Any, tail: bytes = b"") -> tuple[Any, ...]:
        """Writes a command and returns its answer's operands (see `wire.COMMANDS`).

        `tail` is what follows the operands, in commands that carry bytes.

        RequestRefused when the monitor says no, LinkLost when it says nothing.
        """
        tag = self._next_tag()
        return await self._exchange(tag, wire.command(opcode, tag, *operands) + tail)

    async def _exchange(self, tag: int, packet: bytes) -> tuple[Any, ...]:
        if self._gone.is_set():
            raise LinkLost("The monitor has disconnected.")
        future = asyncio.get_running_loop().create_future()
        self._answers[tag] = future
        try:
            await self._write(packet)
            async with asyncio.timeout(ANSWER_SECONDS):
                result, values, told = await future
        except TimeoutError as error:
            raise LinkLost(
                f"The monitor did not answer {wire.COMMANDS[packet[0]][0]!r}."
            ) from error
        finally:
            self._answers.pop(tag, None)
            if future.done() and not future.cancelled():
                future.exception()  # told by the write already, or asyncio complains of it later
        if result != wire.OK:
            raise RequestRefused(packet[0], result, told)
        return tuple(values)

    async def _write(self, packet: bytes) -> None:
        from bleak.exc import BleakError

        name = wire.COMMANDS[packet[0]][0]
        try:
            with heeding():
                async with self._writing, asyncio.timeout(ANSWER_SECONDS):
                    if self._seal is not None:  # in here, so that counters go out in their order
                        packet = self._seal.seal(_KIND_COMMAND, packet)
                    await self._client.write_gatt_char(wire.CONTROL_UUID, packet, response=True)
        except TimeoutError as error:
            raise LinkLost(
                f"The monitor has not taken {name!r} for {ANSWER_SECONDS:.0f} s."
            ) from error
        except (BleakError, OSError, EOFError) as error:
            why = str(error) or type(error).__name__
            raise LinkLost(f"The monitor can't be written to ({why}).") from error

    async def status(self) -> dict[str, int]:
        """The status characteristic's fields (`wire.STATUS_FIELDS`)."""
        if self._seal is not None:
            return dict(zip(wire.STATUS_FIELDS, await self.request(wire.STATUS_GET), strict=True))
        data = bytes(await self._client.read_gatt_char(wire.STATUS_UUID))
        return dict(wire.status(data))

    async def acknowledge(self, seq: int) -> None:
        """Everything up to `seq` is committed: the monitor may forget it when it needs room."""
        await self._write(wire.command(wire.ACK, self._next_tag(), seq))

    async def start_session(self, number: int) -> int:
        """Tells the monitor that session `number` (1 to 2^30 - 1) begins; seq of its record."""
        return int((await self.request(wire.SESSION_SET, wire.SESSION_START, number))[0])

    async def stop_session(self) -> int:
        """Tells the monitor that its session ends; seq of the record."""
        return int((await self.request(wire.SESSION_SET, wire.SESSION_STOP, 0))[0])

    async def mark(self, kind: int = wire.EVENT_MARK, value: int = 0) -> int:
        """Notes an event now; seq of its record."""
        return int((await self.request(wire.MARK, kind, value))[0])

    async def synchronize(self) -> SyncPoint:
        """Measures the monitor's clock against ours and has the monitor keep the result (see
        `clocks.synchronize`), and the local time, if it needs that."""
        await follow_local_time(self.request, self._clock.now())
        return await synchronize(self.request, self._clock)

    async def start_ecg(self, first: int = 0) -> int:
        """Live ECG from block `first` on (0: from now); the number of the first that comes.

        The blocks go to `on_ecg` while `records` is iterated, which also sends their credits.
        """
        self._ecg_granted = -1
        self._frames.put_nowait(_CREDITS)
        return int((await self.request(wire.ECG_SET, wire.ECG_LIVE, first, 0))[0])

    async def fetch_ecg(self, first: int, count: int) -> int:
        """Stored ECG: `count` blocks from `first` on, as a STRIP record names them; the number of
        the first that comes. They go to `on_ecg` as live ones do, which they interrupt."""
        self._ecg_granted = -1
        self._frames.put_nowait(_CREDITS)
        return int((await self.request(wire.ECG_SET, wire.ECG_STORED, first, count))[0])

    async def stop_ecg(self) -> None:
        """No more ECG."""
        await self.request(wire.ECG_SET, wire.ECG_STOP, 0, 0)

    # Records

    async def take(self, after: int) -> None:
        """Takes the monitor's records, before anything else is changed there: from now on it
        serves nobody else. Nothing flows until `records` gives credits.

        RequestRefused with wire.REFUSED while another central has them.
        """
        await self.request(wire.REPORT, wire.GREATER_OR_EQUAL, after + 1)

    async def records(self, after: int) -> AsyncIterator[Batch]:
        """Records with numbers above `after`, in order, until the link ends (LinkLost).

        Also yields empty batches about once a second, so that the caller can see to its clock.
        """
        flow = RecordFlow(self.info.boot, self.info.journal, after, keys=self._journal_keys)
        if self.flow is not None:
            flow.go_on_from(self.flow)
        self.flow = flow
        self.last_heard = self._clock.ticks()
        late = False
        heed = Heed()
        while True:
            heed.check()
            if flow.must_report:
                tag = self._next_tag()
                await self._exchange(tag, flow.report(tag))
            ecg_taken = self.ecg_flow.taken
            force = (ecg_taken - self._ecg_granted) & 0xFFFF >= WINDOW // 2
            if (grant := flow.grant(self._next_tag(), ecg_taken, force)) is not None:
                self._ecg_granted = ecg_taken
                await self._write(grant)
            asked = time.monotonic()
            try:
                # not wait_for: in Python 3.11 it may swallow a cancellation (gh-86296)
                async with asyncio.timeout(_LOOK_SECONDS):
                    frame = await self._frames.get()
            except TimeoutError:
                # Who was late? A computer that slept or was busy reads first what has come.
                was_late, late = late, time.monotonic() - asked > _LATE_SECONDS
                if not self._frames.empty() or (late and not was_late):
                    continue
                if self._clock.ticks() - self.last_heard > SILENCE_SECONDS:
                    raise LinkLost(
                        f"The monitor has been silent for {SILENCE_SECONDS:.0f} s."
                    ) from None
                yield Batch()
                continue
            if frame is None:
                raise LinkLost("The monitor has disconnected.")
            batch = self._take(flow, frame)
            while not flow.must_report and not self._frames.empty():
                more = self._frames.get_nowait()
                if more is None:
                    self._frames.put_nowait(None)
                    break
                batch.extend(self._take(flow, more))
            yield batch

    @staticmethod
    def _take(flow: RecordFlow, frame: bytes) -> Batch:
        if frame is _CREDITS:
            return Batch()
        if frame is _REPORTED:
            flow.reported()
            return Batch()
        return flow.receive(frame)
