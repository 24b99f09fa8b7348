"""The firmware's side of the air: connection events, buffers and link faults in simulated time.

The radio itself (Bumble) is in the supervisor; see virtual_board/radio.py. At each connection
event with something to say, one EXCHANGE frame carries what the firmware sends and brings back
what has come; simulated time stands still meanwhile, and the host has handled it when it goes on.

What differs between MicroPython's two stacks is here: NimBLE's pool of buffers, BTstack's queue
without end that a disconnect leaks, its single central, its advertising that comes back by itself.
"""

import errno
import struct

import pace
import sim
from cable import AIR, EXCHANGE, EXCHANGED

# Operations of an EXCHANGE frame, events of an EXCHANGED frame, kinds of AIR frames.
_FETCH, _EVENT, _ADVERTISE, _BREAK, _TERMINATE = range(5)
_CONNECTED, _DISCONNECTED, _MTU, _WRITTEN, _READING, _UPDATED, _INDICATED = range(1, 8)
_ENCRYPTED, _SECRET, _PASSKEY = range(8, 11)
_INBOUND, _LISTENERS, _GONE, _EVENTS = range(1, 5)

_TIMEOUT = 0x08
# NimBLE's buffers in MicroPython's builds: 12 blocks of 292 bytes for all connections.
_BLOCKS = 12
_BLOCK_BYTES = 292
# Link-layer payload with the data length extension, and what L2CAP takes of the first packet.
_LL_OCTETS = 251
_L2CAP = 4


class Connection:
    """One central: its clock, its queue, its fate."""

    def __init__(self, air, handle, address_type, address, interval, latency, timeout):
        self.air = air
        self.handle = handle
        self.address_type = address_type
        self.address = address
        self.mtu = 23
        self.encrypted = False
        self.queue = []
        self.answers = []
        self.inbound = True  # what the host has sent by now was told when nobody knew this link
        self.severed = False
        self.leaving = False  # the firmware has asked to end the link
        self.waiting_since = None
        self.heard = sim.kernel.now
        self.set_parameters(interval, latency, timeout)
        self._event = sim.after(self.interval_us, self._due)

    def set_parameters(self, interval, latency, timeout):
        """Units of the radio: 1.25 ms, events, 10 ms."""
        self.parameters = (interval, latency, timeout)
        self.interval_us = interval * 1250
        self.timeout_us = timeout * 10000

    def close(self):
        sim.cancel(self._event)

    def _due(self):
        air = self.air
        now = sim.kernel.now
        sim.kernel.rearm(self._event, now + self.interval_us)
        air.cable.poll()
        if not self._event.armed:
            return  # the poll ended the connection
        if self.severed or not air.in_range or (air.loss and air.chance(air.loss)):
            if now - self.heard >= self.timeout_us:
                air.lost(self)
            return
        self.heard = now
        air.events += 1
        if self.leaving:
            air.terminate(self)
            return
        if not (self.queue or self.inbound or self.answers):
            return
        if air.delay_us:
            if self.waiting_since is None:
                self.waiting_since = now
            if now - self.waiting_since < air.delay_us:
                return
            self.waiting_since = None
        self._talk()

    def _talk(self):
        air = self.air
        budget = air.packets
        pdus = []
        while self.queue and budget > 0:
            pdu, blocks = self.queue[0]
            if air.drop_after is not None:
                if air.drop_after <= 1:
                    # The link dies with this one on its way: nobody gets it, nobody is told.
                    air.drop_after = None
                    self.severed = True
                    break
                air.drop_after -= 1
            self.queue.pop(0)
            air.blocks += blocks
            budget -= (len(pdu) + _L2CAP + _LL_OCTETS - 1) // _LL_OCTETS
            pdus.append(struct.pack("<H", len(pdu)) + pdu)
            air.sent += 1
            air.octets += len(pdu) + _L2CAP
        if self.severed and not pdus:
            return
        answers = self.answers
        self.answers = []
        head = struct.pack("<BHBBB", _EVENT, self.handle, air.packets, len(answers), len(pdus))
        self.inbound = False
        more = air.exchange(head + b"".join(answers) + b"".join(pdus))
        self.inbound = self.inbound or more


class Air:
    """All links of the board. `deliver(event, *args)` hands an IRQ to the firmware's handler."""

    def __init__(self, cable, config):
        self.cable = cable
        self.btstack = config["stack"] == "btstack"
        self.connections = {}
        self.listeners = 0
        self.blocks = _BLOCKS
        self.events = self.advertised = self.octets = 0  # what a power budget is made of
        self.sent = 0
        self.leaked = []  # what BTstack had queued when a link ended
        self.deliver = None
        self._wanted = None  # advertising interval in microseconds, while the firmware wants it
        self._advertising = None
        self._fetching = False
        faults = config["radio"]
        self.in_range = faults.get("range", True)
        self.loss = faults.get("loss", 0)
        self.delay_us = int(faults.get("delay_ms", 0) * 1000)
        self.packets = faults.get("packets", 4)
        self.drop_after = faults.get("drop_after")
        self._state = faults.get("seed", 1) * 2654435761 & 0x7FFFFFFF or 1
        cable.handlers[AIR] = self._hint

    # -- the radio ---

    def call(self, name, **arguments):
        """One rare request to the radio; returns its reply."""
        reply = self.cable.request(ask="radio", call=name, **arguments)
        pace.rebase()
        if "error" in reply:
            raise OSError(errno.EIO, reply["error"])
        return reply

    def off(self):
        self.advertise(None)
        for connection in list(self.connections.values()):
            self._end(connection)
        self.call("off")

    def exchange(self, frame):
        """One event on the air; returns whether more waits there."""
        pace.write_clock()
        self.cable.send(EXCHANGE, frame)
        reply = self.cable.wait(EXCHANGED)
        at = 1
        while at < len(reply):
            kind, length = struct.unpack_from("<BH", reply, at)
            at += 3
            self._happened(kind, reply[at : at + length])
            at += length
        return bool(reply[0])

    def _hint(self, frame):
        kind, number = struct.unpack("<BH", frame)
        if kind == _LISTENERS:
            self.listeners = number
        elif kind == _EVENTS:
            if not self._fetching:
                self._fetching = True
                sim.after(0, self._fetch)
        elif number in self.connections:
            if kind == _INBOUND:
                self.connections[number].inbound = True
            else:
                self.connections[number].severed = True

    def _fetch(self):
        self._fetching = False
        self.exchange(bytes((_FETCH,)))

    def chance(self, share):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 8) < share * 0x7FFFFF

    # -- advertising ---

    @property
    def advertising(self):
        return self._wanted is not None

    def advertise(self, interval_us, data=b"", response=b""):
        """Advertise every `interval_us`; None stops."""
        sim.cancel(self._advertising)
        self._advertising = None
        self._wanted = interval_us
        if interval_us is None:
            self.call("advertise", on=False)
            return
        self.call("advertise", on=True, data=data.hex(), response=response.hex())
        self._advertising = sim.after(interval_us, self._advertise_once)

    def _advertise_once(self):
        if self._wanted is None:
            return
        # Each event is up to 10 ms late, at random, so that two devices don't collide for ever
        # (Bluetooth Core, volume 6, part B, 4.4.2.2).
        late = (self._state >> 8) % 10000
        self.chance(0)
        sim.kernel.rearm(self._advertising, sim.kernel.now + self._wanted + late)
        if not (self.btstack and self.connections):
            self.advertised += 1
        self.cable.poll()
        if self._wanted is None or not self.listeners or not self.in_range:
            return
        if self.btstack and self.connections:
            return  # its one place for a central is taken
        if not (self.loss and self.chance(self.loss)):
            self.exchange(struct.pack("<Bb", _ADVERTISE, -50 - (self._state >> 8) % 20))

    def _connected(self):
        # The controller stops to advertise. BTstack takes it up again when the link ends.
        if not self.btstack:
            sim.cancel(self._advertising)
            self._wanted = None

    # -- connections ---

    def send(self, connection, pdu):
        """Queue an attribute protocol packet.

        Raises:
            OSError: ENOMEM, when NimBLE has no buffer left.
        """
        if self.btstack:
            connection.queue.append((pdu, 0))
            return
        blocks = (len(pdu) + _BLOCK_BYTES - 1) // _BLOCK_BYTES
        if blocks > self.blocks:
            raise OSError(errno.ENOMEM)
        self.blocks -= blocks
        connection.queue.append((pdu, blocks))

    def lost(self, connection):
        """The supervision timeout has passed: both ends find out by themselves."""
        self._end(connection)
        self.exchange(struct.pack("<BHB", _BREAK, connection.handle, _TIMEOUT))
        self.deliver("disconnected", connection)

    def terminate(self, connection):
        """The link ends, at a connection event after the firmware asked for it."""
        self.exchange(struct.pack("<BH", _TERMINATE, connection.handle))

    def _end(self, connection):
        connection.close()
        if self.connections.get(connection.handle) is connection:
            del self.connections[connection.handle]
        if self.btstack:
            if connection.queue:
                self.leaked.append(connection.queue)
        else:
            for _, blocks in connection.queue:
                self.blocks += blocks
        if self.btstack and self._wanted is not None and not self.connections:
            self.call("advertise_again")

    def _happened(self, kind, data):
        if kind == _CONNECTED:
            handle, address_type = struct.unpack_from("<HB", data, 0)
            interval, latency, timeout = struct.unpack_from("<HHH", data, 9)
            connection = Connection(
                self, handle, address_type, data[3:9], interval, latency, timeout
            )
            self.connections[handle] = connection
            self._connected()
            self.deliver("connected", connection)
            return
        if kind == _SECRET:
            self.deliver("secret", None, data)
            return
        number = None
        if kind == _READING:
            number, handle = struct.unpack_from("<IH", data, 0)
        else:
            (handle,) = struct.unpack_from("<H", data, 0)
        connection = self.connections.get(handle)
        if connection is None:
            return
        if kind == _DISCONNECTED:
            self._end(connection)
            self.deliver("disconnected", connection)
        elif kind == _MTU:
            (connection.mtu,) = struct.unpack_from("<H", data, 2)
            self.deliver("mtu", connection)
        elif kind == _WRITTEN:
            self.deliver("written", connection, struct.unpack_from("<H", data, 2)[0], data[4:])
        elif kind == _READING:
            self.deliver("reading", connection, number, struct.unpack_from("<H", data, 6)[0])
        elif kind == _UPDATED:
            connection.set_parameters(*struct.unpack_from("<HHH", data, 2))
            self.deliver("updated", connection)
        elif kind == _INDICATED:
            self.deliver("indicated", connection, data[2])
        elif kind == _ENCRYPTED:
            connection.encrypted = bool(data[2])
            self.deliver("encrypted", connection, data[2], data[3], data[4], data[5])
        elif kind == _PASSKEY:
            self.deliver("passkey", connection, *struct.unpack_from("<BI", data, 2))

    # -- faults on demand ---

    def command(self, c):
        """Set faults: range, loss, delay_ms, packets, drop_after, seed; or end links: drop."""
        if "range" in c:
            self.in_range = bool(c["range"])
        if "loss" in c:
            self.loss = c["loss"]
        if "delay_ms" in c:
            self.delay_us = int(c["delay_ms"] * 1000)
        if "packets" in c:
            if c["packets"] < 1:
                raise ValueError("a connection event carries at least one packet")
            self.packets = c["packets"]
        if "drop_after" in c:
            self.drop_after = c["drop_after"]
        if "seed" in c:
            self._state = c["seed"] * 2654435761 & 0x7FFFFFFF or 1
        if c.get("drop"):
            for connection in self.connections.values():
                connection.severed = True
        return {}

    def status(self):
        return {
            "connections": len(self.connections),
            "advertising": self._wanted is not None,
            "queued": sum(len(c.queue) for c in self.connections.values()),
            "sent": self.sent,
            "octets": self.octets,
            "events": self.events,
            "advertised": self.advertised,
            "leaked": sum(len(queue) for queue in self.leaked),
            "in_range": self.in_range,
        }
