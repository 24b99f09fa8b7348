"""`bluetooth.BLE` as MicroPython's two Bluetooth stacks make it: `NimBLE` and `BTstack`."""

import binascii
import errno
import struct
import sys

import nets
import sim

_IRQ_CENTRAL_CONNECT = 1
_IRQ_CENTRAL_DISCONNECT = 2
_IRQ_GATTS_WRITE = 3
_IRQ_GATTS_READ_REQUEST = 4
_IRQ_GATTS_INDICATE_DONE = 20
_IRQ_MTU_EXCHANGED = 21
_IRQ_CONNECTION_UPDATE = 27
_IRQ_ENCRYPTION_UPDATE = 28
_IRQ_GET_SECRET = 29
_IRQ_SET_SECRET = 30
_IRQ_PASSKEY_ACTION = 31

_DEFAULT_LENGTH = 20
# What a call costs on an RP2040 at 125 MHz (measured on an emulated one with NimBLE).
_NOTIFY_US = 1800
# Loading the radio's own firmware and starting the stack.
_ACTIVE_US = 300000
_HANDLE_VALUE_NOTIFICATION = 0x1B
_HANDLE_VALUE_INDICATION = 0x1D


class Base:
    """What both stacks have."""

    def __init__(self, air):
        self._air = air
        self._on = False
        self._handler = None
        self._config = {"gap_name": self._name, "mtu": self._mtu, "rxbuf": 0}
        self._mac = b""
        self._advertised = (b"", b"")
        self._forget_services()

    def _forget_services(self):
        self._values = {}
        self._lengths = {}
        self._appending = set()

    def _check(self):
        if not self._on:
            raise OSError(errno.ENODEV)

    def _connection(self, handle):
        if handle is None:
            raise TypeError("can't convert NoneType to int")
        connection = self._air.connections.get(handle)
        if connection is None:
            raise OSError(self._no_connection)
        return connection

    # -- switching and settings ---

    def active(self, on=None):
        if on is None:
            return self._on
        if on and not self._on:
            self._forget_services()
            self._mac = binascii.unhexlify(self._air.call("on", config=self._plain())["address"])
            self._on = True
            sim.stall_soft(_ACTIVE_US)
        elif not on and self._on:
            self._on = False
            self._air.off()
        return self._on

    def _plain(self):
        return {k: v.hex() if isinstance(v, bytes) else v for k, v in self._config.items()}

    def config(self, *args, **kw):
        if args:
            if len(args) > 1 or kw:
                raise TypeError("can't mix positional and keyword arguments")
            name = args[0]
            if name == "mac":
                self._check()
                return (1, self._mac)
            if name not in ("gap_name", "mtu", "rxbuf"):
                raise ValueError("unknown config param")
            return self._config[name]
        for name, value in kw.items():
            if name not in self._settable:
                raise ValueError("unknown config param")
            if name == "mtu" and not self._mtu_range[0] <= value <= self._mtu_range[1]:
                raise OSError(errno.EINVAL)
            if name == "addr_mode":
                self._set_address(value)
                continue
            self._config[name] = value.encode() if isinstance(value, str) else value
        if self._on:
            self._air.call("config", config=self._plain())
        return None

    def irq(self, handler):
        self._handler = handler

    # -- advertising and links ---

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        self._check()
        if interval_us is None:
            self._air.advertise(None)
            return
        data, response = self._advertised
        data = bytes(adv_data) if adv_data is not None else data
        response = bytes(resp_data) if resp_data is not None else response
        data, response = self._fit_advertisement(data, response)
        self._advertised = (data, response)
        # The radio takes multiples of 625 us, 20 ms at least.
        self._air.advertise(max(20000, interval_us // 625 * 625), data, response)

    def gap_disconnect(self, conn_handle):
        self._check()
        if conn_handle not in self._air.connections:
            return self._disconnect_unknown
        self._air.connections[conn_handle].leaving = True
        return True

    # -- the attribute server ---

    def gatts_register_services(self, services):
        self._check()
        wanted = []
        for uuid, characteristics in services:
            found = []
            for item in characteristics:
                descriptors = item[2] if len(item) > 2 else ()
                found.append(
                    (
                        bytes(item[0]).hex(),
                        item[1],
                        [(bytes(d[0]).hex(), d[1]) for d in descriptors],
                    )
                )
            wanted.append((bytes(uuid).hex(), found))
        self._forget_services()
        reply = self._air.call("services", services=wanted)
        if reply["left_out"]:
            nets.complain(
                "BTstack's attribute table takes 512 bytes, these services need %d: %d"
                " characteristics vanished" % (reply["used"], reply["left_out"])
            )
        for handles in reply["handles"]:
            for handle in handles:
                self._values[handle] = b""
        return tuple(tuple(handles) for handles in reply["handles"])

    def _known(self, handle):
        if handle not in self._values:
            raise OSError(errno.EINVAL)

    def gatts_read(self, value_handle):
        self._check()
        self._known(value_handle)
        value = self._values[value_handle]
        if value_handle in self._appending:
            self._values[value_handle] = b""
        return value

    def gatts_write(self, value_handle, data, send_update=False):
        self._check()
        self._known(value_handle)
        data = data.encode() if isinstance(data, str) else bytes(data)
        self._values[value_handle] = data
        self._lengths[value_handle] = max(
            self._lengths.get(value_handle, _DEFAULT_LENGTH), len(data)
        )
        if send_update:
            for handle in self._air.call("subscribers", handle=value_handle)["connections"]:
                if handle in self._air.connections:
                    self.gatts_notify(handle, value_handle, data)
        return len(data)

    def gatts_set_buffer(self, value_handle, len, append=False):
        self._check()
        self._known(value_handle)
        self._lengths[value_handle] = len
        if append:
            self._appending.add(value_handle)
        else:
            self._appending.discard(value_handle)

    def _push(self, opcode, conn_handle, value_handle, data):
        self._check()
        connection = self._connection(conn_handle)
        if data is None:
            data = self._values.get(value_handle, b"")
        elif isinstance(data, str):
            data = data.encode()
        pdu = struct.pack("<BH", opcode, value_handle) + bytes(data)[: connection.mtu - 3]
        sim.advance(_NOTIFY_US)
        if self._air.connections.get(conn_handle) is not connection:
            raise OSError(self._no_connection)  # it ended meanwhile
        self._air.send(connection, pdu)

    def gatts_notify(self, conn_handle, value_handle, data=None):
        # Whether anyone subscribed is not looked at, as on both stacks.
        self._push(_HANDLE_VALUE_NOTIFICATION, conn_handle, value_handle, data)

    def gatts_indicate(self, conn_handle, value_handle, data=None):
        self._indicating = value_handle
        self._push(_HANDLE_VALUE_INDICATION, conn_handle, value_handle, data)

    # -- events ---

    def _deliver(self, what, connection, *args):
        """From the link: pass it on in the context of soft interrupts."""
        sim.defer(lambda: self._dispatch(what, connection, args))

    def _dispatch(self, what, connection, args):
        if not self._on:
            return
        handle = connection.handle if connection is not None else 0
        if what == "connected":
            self._irq(_IRQ_CENTRAL_CONNECT, handle, connection.address_type, connection.address)
        elif what == "disconnected":
            self._irq(_IRQ_CENTRAL_DISCONNECT, handle, *self._who_left(connection))
        elif what == "mtu":
            self._irq(_IRQ_MTU_EXCHANGED, handle, connection.mtu)
        elif what == "written":
            self._written(handle, *args)
        elif what == "reading":
            number, value_handle = args
            status = self._irq(_IRQ_GATTS_READ_REQUEST, handle, value_handle) or 0
            value = b"" if status else self._values.get(value_handle, b"")
            connection.answers.append(struct.pack("<IBH", number, status, len(value)) + value)
        elif what == "updated":
            self._irq(_IRQ_CONNECTION_UPDATE, handle, *connection.parameters, 0)
        elif what == "indicated":
            self._irq(_IRQ_GATTS_INDICATE_DONE, handle, self._indicating, args[0])
        elif what == "encrypted":
            self._irq(_IRQ_ENCRYPTION_UPDATE, handle, *[bool(x) for x in args[:3]], args[3])
        elif what == "passkey":
            self._irq(_IRQ_PASSKEY_ACTION, handle, *args)
        elif what == "secret":
            self._secret(args[0])

    def _written(self, handle, value_handle, data):
        length = self._lengths.get(value_handle, _DEFAULT_LENGTH)
        if value_handle in self._appending:
            data = self._values.get(value_handle, b"") + data
        self._values[value_handle] = data[:length]  # what does not fit is cut, silently
        self._irq(_IRQ_GATTS_WRITE, handle, value_handle)

    def _secret(self, data):
        number, store, kind, length = struct.unpack_from("<IBBH", data, 0)
        key = data[8 : 8 + length]
        value = data[8 + length :]
        if store:
            self._irq(_IRQ_SET_SECRET, kind, key, None if store == 2 else value)
            found = b""
        else:
            found = self._irq(_IRQ_GET_SECRET, kind, 0, key) or b""
        self._air.call("secret", number=number, value=bytes(found).hex())

    def _irq(self, event, *args):
        """Call the firmware's handler; buffers in `args` die when it returns, as on a board."""
        if self._handler is None:
            return None
        scratch = []
        data = []
        for a in args:
            if isinstance(a, bytes):
                a = bytearray(a)
                scratch.append(a)
                a = memoryview(a)
            data.append(a)
        result = None
        try:
            result = self._handler(event, tuple(data))
        except Exception as e:
            print("Unhandled exception in IRQ callback handler")
            sys.print_exception(e)
            self._handler = None
        for buffer in scratch:
            for i in range(len(buffer)):
                buffer[i] = 0xDD
        return result


class NimBLE(Base):
    """MicroPython on NimBLE: esp32, Nano RP2040 Connect, WB55."""

    _name = b"MPY NIMBLE"
    _mtu = 256
    _mtu_range = (23, 527)
    _no_connection = errno.ENOTCONN
    _disconnect_unknown = False
    _settable = (
        "gap_name", "mtu", "rxbuf", "addr_mode", "bond", "mitm", "io", "le_secure",
    )  # fmt: skip

    def _fit_advertisement(self, data, response):
        if len(data) > 31 or len(response) > 31:
            raise OSError(-18)  # BLE_HS_EMSGSIZE is not in the table of errors: it falls through
        return data, response

    def _who_left(self, connection):
        return connection.address_type, connection.address

    def _set_address(self, mode):
        """0 public (none here), 1 static, 2 resolvable (not modelled), 3 non-resolvable."""
        self._check()
        if mode == 0:
            raise OSError(errno.EINVAL)
        if self._air.advertising:
            nets.complain("the radio's address was changed while it was advertised")
        if mode == 3:
            address = bytearray(sys.modules["os"].urandom(6))
            address[0] &= 0x3F
            self._mac = bytes(address)
            self._air.call("address", address=self._mac.hex())

    def gap_pair(self, conn_handle):
        self._check()
        self._connection(conn_handle)
        self._air.call("pair", connection=conn_handle)

    def gap_passkey(self, conn_handle, action, passkey):
        self._check()
        self._air.call("passkey", connection=conn_handle, action=action, passkey=int(passkey))


class BTstack(Base):
    """MicroPython on BTstack: Pico W and Pico 2 W. No pairing: `gap_pair` does not exist."""

    _name = b"MPY BTSTACK"
    _mtu = 1017
    _mtu_range = (0, 1017)
    _no_connection = errno.EINVAL
    _disconnect_unknown = True
    _settable = ("gap_name", "mtu", "rxbuf", "addr_mode")

    def _set_address(self, mode):
        self._check()
        if mode != 1:
            raise OSError(errno.EINVAL)

    def _fit_advertisement(self, data, response):
        return data[:31], response[:31]  # without a word

    def _who_left(self, connection):
        return 0xFF, bytes(6)
