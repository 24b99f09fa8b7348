"""The monitor's side of the link: connections, commands, and what goes out.

    server = Server(bluetooth.BLE(), journal, handlers, info)
    server.open("Heartlog", board.NAME, version)
    server.step(time.ticks_ms())            # in the main loop

The radio's interrupts only note what came (`_on_irq`); everything happens in `step`. One central
at a time has the records (the first that asks); a second connection may read the heart rate.
`handlers` is the app's: it has a method for each command that reaches beyond the link
(`on_command(opcode, data, answer) -> (result, length)`).

Traps that are kept away from here: a memoryview dies with its interrupt (writes are copied with
`gatts_read`), a notify after a disconnect raises TypeError, NimBLE's ENOMEM means "later" (also
for an answer: reply.py), BTstack takes everything and never refuses (the window of `stream` bounds
it).
"""

import os
from struct import unpack_from

from . import bonds as _bonds
from . import gatt, wire
from . import guard as _guard
from .advertiser import Advertiser
from .reply import Reply
from .requests import Requests
from .stream import RecordStream

_IRQ_CENTRAL_CONNECT, _IRQ_CENTRAL_DISCONNECT, _IRQ_GATTS_WRITE, _IRQ_MTU = 1, 2, 3, 21
_QUEUE = 12
_STRANGERS = 2  # writes of somebody not let in that may wait
_CONNECTIONS = 2
_FRAMES_A_STEP = 4
_HELLO_MS = 30000  # a central that asked for nothing by then is sent away
_NO_CONNECTION = -1
ROOM = 256


class Peer:
    """One connection."""

    def __init__(self):
        self.handle = _NO_CONNECTION
        self.serial = 0  # counts the connections that this place has served
        self.mtu = 23
        self.since = 0
        self.asked = False
        self.queued = 0  # of its writes, those that wait
        self.hellos = 0
        self.pending = self.challenge = None  # its handshake (guard.py)


class Server:
    """`connected`: how many centrals; `streaming`: whether one takes the records."""

    def __init__(self, ble, journal, handlers, ticks_diff):
        self._ble = ble
        self._journal = journal
        self._handlers = handlers
        self._diff = ticks_diff
        self.stream = RecordStream(journal)
        self.guard = None  # a guard.Guard once the monitor is paired
        self.serial = b""  # as on its label, for whoever was let in
        self.bonds = None  # a bonds.Bonds then, where the stack can secure its link itself
        self.state = b""  # what a host reads as the status
        self.described = ("", "")  # model and firmware
        self.ecg = None  # an ecg stream, see ecgstream.py
        self._peers = [Peer() for _ in range(_CONNECTIONS)]
        self.owner = None  # the peer that has the records
        self._requests = Requests(self, journal, handlers)
        self._owner_serial = 0
        self._queue = [None] * _QUEUE
        self._head = self._tail = 0
        self._changed = False  # a connection came or went
        self._frame = memoryview(bytearray(ROOM))
        self._reply = Reply(self._notify_answer, ticks_diff)
        self._heart = bytearray(24)
        self.open_heart_rate = False
        self.refused = 0  # writes that made no sense
        self.overrun = 0  # writes that came faster than they could be taken
        self.frames = 0
        self.running = False
        self._advertiser = None

    def open(self, name, model, firmware, status=b""):
        """Starts the radio; `status` is what the status characteristic reads until `status()` is
        called. OSError when there is none."""
        import bluetooth

        ble = self._ble
        if self.bonds is not None and not self.bonds.prepare(ble, self._on_irq):
            self.bonds = None
        ble.active(True)
        ble.irq(self._on_irq)
        try:
            ble.config(gap_name=name if self.guard is None else "-", mtu=ROOM - 9)
        except (OSError, ValueError):
            pass  # a stack that does not let it be chosen has its own
        handles = ble.gatts_register_services(gatt.services(bluetooth))
        (self._heart_handle, location), (self._battery_handle,), texts, own = handles
        self._control, self._records, self._ecg_handle, self._status = own
        self._kinds = {
            self._control: _guard.ANSWER,
            self._records: _guard.RECORDS,
            self._ecg_handle: _guard.ECG,
        }
        ble.gatts_set_buffer(self._control, 244)
        ble.gatts_write(location, b"\x01")  # chest
        self.state = status
        self.described = (model, firmware)
        if self.guard is None:
            for handle, text in zip(texts, ("Heartlog", model, firmware)):
                ble.gatts_write(handle, text.encode())
            ble.gatts_write(self._status, status)
        ble.gatts_write(self._battery_handle, b"\x00")
        self._advertiser = Advertiser(ble, name, self.guard)
        self.stream.even = self.guard is not None
        self.running = True

    def open_up(self, heart_rate):
        """Whether everyone may read the heart rate from now on; told in the advertisement too."""
        self.open_heart_rate = heart_rate
        if self._advertiser is not None:
            self._advertiser.stale = True

    # --- interrupts ----------------------------------------------------------------------------
    def _on_irq(self, event, data):
        if event == _IRQ_GATTS_WRITE:
            peer = self._peer(data[0])
            after = (self._head + 1) % _QUEUE
            if after == self._tail or self._crowds(peer):
                self.overrun += 1
                return
            if peer is not None and data[1] == self._control:
                peer.queued += 1
                value = bytes(self._ble.gatts_read(data[1]))
                self._queue[self._head] = (peer, peer.serial, value)
                self._head = after
        elif event == _IRQ_CENTRAL_CONNECT:
            for peer in self._peers:
                if peer.handle == _NO_CONNECTION:
                    peer.mtu = 23
                    peer.asked = False
                    peer.since = None
                    peer.queued = peer.hellos = 0
                    peer.pending = peer.challenge = None
                    peer.serial += 1
                    peer.handle = data[0]
                    break
            self._advertiser.running = False  # the stack stops it
        elif event == _IRQ_CENTRAL_DISCONNECT:
            for peer in self._peers:
                if peer.handle == data[0]:
                    peer.handle = _NO_CONNECTION
            self._changed = True
        elif event == _IRQ_MTU:
            for peer in self._peers:
                if peer.handle == data[0]:
                    peer.mtu = data[1]
        elif self.bonds is not None:
            return self._on_security(event, data)

    def _crowds(self, peer):
        """Whether a stranger would take the queue's places from the host that is let in."""
        guard = self.guard
        return (
            guard is not None
            and peer is not None
            and peer.queued >= _STRANGERS
            and not guard.let_in(peer)
        )

    def _on_security(self, event, data):
        if event == _bonds.PASSKEY_ACTION:
            handle, action, _ = data
            guard = self.guard
            if action == _bonds.DISPLAY:
                peer = self._peer(handle)
                number = guard.passkey if guard.let_in(peer) else None
                if number is None:  # a stranger: a number that nobody is told
                    number = int.from_bytes(os.urandom(3), "little") % 1000000
                self._ble.gap_passkey(handle, action, number)
        elif event == _bonds.GET_SECRET or event == _bonds.SET_SECRET:
            return self.bonds.on_secret(event, data, self.guard.passkey is not None)
        return None

    # --- main loop -----------------------------------------------------------------------------
    @property
    def connected(self):
        count = 0  # (asked for each turn: a generator would be garbage each time)
        for peer in self._peers:
            if peer.handle != _NO_CONNECTION:
                count += 1
        return count

    @property
    def streaming(self):
        return self.owner is not None and self.stream.running

    @property
    def hurried(self):
        """Whether a backlog waits for nothing but the host's next credits."""
        return self.owner is not None and self.stream.hurried

    def step(self, now):
        """Takes one write, sends a few frames; True when there was something to do."""
        worked = False
        if self._changed:
            self._changed = False
            self._drop_owner()
            worked = True
        served = self.guard is not None and self.guard.passkey is not None
        connected = self.connected
        self._advertiser.step(now, connected, served, self.open_heart_rate)
        if self.bonds is not None and self.bonds.step():
            worked = True
        if connected:
            self._send_away(now)
        if self._reply.waiting and not self._reply.step(now):
            return worked  # what is sent meanwhile would take its place
        if self._tail != self._head:
            if self._take_write(now) and self._reply.waiting:
                return worked
            worked = True
        if self.owner is not None and self._pump(now):
            worked = True
        return worked

    def _take_write(self, now):
        """The oldest write; False when who sent it has gone."""
        peer, serial, data = self._queue[self._tail]
        self._queue[self._tail] = None
        self._tail = (self._tail + 1) % _QUEUE
        if peer.handle == _NO_CONNECTION or peer.serial != serial:
            return False
        peer.queued -= 1
        self._command(peer, data, now)
        return True

    def _peer(self, handle):
        for peer in self._peers:
            if peer.handle == handle:
                return peer
        return None

    def give_records(self, peer):
        """From now on this peer has the records."""
        self.owner = peer
        self._owner_serial = peer.serial
        self.stream.reset()
        self._handlers.on_link(True)

    def _drop_owner(self):
        owner = self.owner
        if self.guard is not None:
            self.guard.gone()
        if owner is not None and (
            owner.handle == _NO_CONNECTION or owner.serial != self._owner_serial
        ):
            self.owner = None
            self.stream.reset()
            if self.ecg is not None:
                self.ecg.reset()
            self._handlers.on_link(False)

    def _send_away(self, now):
        """A central that holds a connection without asking for anything keeps others out. One
        that listens to the open heart rate may stay while another place is free."""
        free = self.open_heart_rate and self.connected < _CONNECTIONS
        for peer in self._peers:
            if peer.handle == _NO_CONNECTION or peer.asked:
                continue
            if peer.since is None:
                peer.since = now
            elif self._diff(now, peer.since) > _HELLO_MS and not free:
                peer.since = now  # should the stack not take it, it is tried again
                self._disconnect(peer)

    def _disconnect(self, peer):
        try:
            self._ble.gap_disconnect(peer.handle)
        except (OSError, TypeError):
            pass

    def _notify(self, peer, attribute, data):
        """One notification; False when it can't go now."""
        if self.guard is not None and attribute in self._kinds:
            data = self.guard.seal(peer, self._kinds[attribute], data)
            if data is None:
                return False
        return self._send(peer, attribute, data)

    def _notify_answer(self, peer, data, sealed):
        notify = self._notify if sealed else self._send
        return notify(peer, self._control, data)

    def _send(self, peer, attribute, data):
        try:
            self._ble.gatts_notify(peer.handle, attribute, data)
        except (OSError, TypeError):
            return False
        return True

    def _pump(self, now):
        """Frames of records first, then ECG, as far as credits and the stack let them."""
        peer = self.owner
        if peer is None or peer.handle == _NO_CONNECTION:
            return False
        room = min(peer.mtu - 3, ROOM)
        if self.guard is not None:
            room = min(room, _guard.MOST) - _guard.OVERHEAD
        sent = False
        for _ in range(_FRAMES_A_STEP):
            n = self.stream.frame(self._frame, room, now)
            if n:
                if not self._notify(peer, self._records, self._frame[:n]):
                    break
                self.stream.sent(now)
            elif self.ecg is not None:
                n = self.ecg.frame(self._frame, room, now)
                if not n or not self._notify(peer, self._ecg_handle, self._frame[:n]):
                    break
                self.ecg.sent(now)
            else:
                break
            self.frames += 1
            sent = True
        return sent

    # --- commands ------------------------------------------------------------------------------
    def _pass(self, peer, data, now):
        """The command in a write, in clear text; None when the guard dealt with it."""
        guard = self.guard
        if guard is None:
            return data
        failures = guard.failures
        text = guard.open(peer, data, now)
        if guard.reply is not None:
            size = len(guard.reply)
            self._reply.text[:size] = guard.reply
            self._reply.send(peer, size, False, now)
            self._reply.waiting = 0  # a stranger who takes no answer holds nobody up
        if guard.failures != failures:
            self._handlers.on_refused(guard.failures)
        if guard.hostile:
            self._disconnect(peer)
        return text

    def _command(self, peer, data, now):
        data = self._pass(peer, data, now)
        if data is None:
            return
        if len(data) < 2:
            self.refused += 1
            return
        opcode = data[0]
        answer = self._reply.text
        answer[0], answer[1] = opcode | 0x80, data[1]
        size = 3
        if opcode not in wire.OPERAND_SIZE:
            self.refused += 1
            result = wire.NO_OPCODE
        elif len(data) < 2 + wire.OPERAND_SIZE[opcode]:
            self.refused += 1
            result = wire.BAD_OPERAND
        else:
            peer.asked = True
            if opcode == wire.GRANT:
                if peer is self.owner:
                    records, ecg, window = unpack_from("<HHB", data, 2)
                    self.stream.grant(records, window)
                    if self.ecg is not None:
                        self.ecg.grant(ecg, window)
                return
            if opcode == wire.ACK:
                if peer is self.owner:
                    self._journal.acknowledge(unpack_from("<I", data, 2)[0])
                return
            result, size = self._requests.do(peer, opcode, data, answer, now)
        answer[2] = result
        self._reply.send(peer, size, True, now)

    # --- what everyone may hear ----------------------------------------------------------------
    def heart(self, rate, contact, rr_1024, count):
        """The SIG's Heart Rate Measurement, when the patient has it open, to every central but
        the one that takes the records."""
        if not self.open_heart_rate:
            return
        n = 0
        for peer in self._peers:
            if peer.handle != _NO_CONNECTION and peer is not self.owner:
                if not n:
                    n = gatt.heart_rate(self._heart, rate, contact, rr_1024, count)
                self._notify(peer, self._heart_handle, memoryview(self._heart)[:n])

    def battery(self, percent):
        """The battery level changed (0..100)."""
        if self.guard is not None:
            return  # whoever was let in reads it in the status
        level = bytes((percent,))
        self._ble.gatts_write(self._battery_handle, level)
        for peer in self._peers:
            if peer.handle != _NO_CONNECTION:
                self._notify(peer, self._battery_handle, level)

    def status(self, data):
        """What the status characteristic reads from now on."""
        self.state = data
        if self.guard is None:
            self._ble.gatts_write(self._status, data)
