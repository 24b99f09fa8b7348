"""The GATT table, and what it costs in BTstack's 512 bytes.

    handles = ble.gatts_register_services(services(bluetooth))

Five services' worth of attributes must fit BTstack's attribute database, which overflows
silently (characteristics vanish). `cost()` counts as BTstack does; a test holds it under LIMIT.
"""

from . import wire

LIMIT = 512
_READ, _WRITE_NO_RESPONSE, _WRITE, _NOTIFY = 0x02, 0x04, 0x08, 0x10

# (service, ((characteristic, flags), ...)); an int is one of the SIG's 16-bit UUIDs.
TABLE = (
    (0x180D, ((0x2A37, _NOTIFY), (0x2A38, _READ))),  # heart rate measurement, sensor location
    (0x180F, ((0x2A19, _READ | _NOTIFY),)),  # battery level
    (0x180A, ((0x2A29, _READ), (0x2A24, _READ), (0x2A26, _READ))),  # maker, model, firmware
    (
        wire.SERVICE_UUID,
        (
            (wire.CONTROL_UUID, _WRITE | _WRITE_NO_RESPONSE | _NOTIFY),
            (wire.RECORDS_UUID, _NOTIFY),
            (wire.ECG_UUID, _NOTIFY),
            (wire.STATUS_UUID, _READ),
        ),
    ),
)

# Measured on MicroPython's BTstack builds: what an attribute of each kind takes.
_BASE, _SERVICE_16, _CHARACTERISTIC_16, _SERVICE_128, _CHARACTERISTIC_128 = 65, 10, 21, 24, 49
_CCCD = 10


def cost(table=TABLE):
    """Bytes of BTstack's attribute database."""
    total = _BASE
    for service, characteristics in table:
        total += _SERVICE_16 if isinstance(service, int) else _SERVICE_128
        for uuid, flags in characteristics:
            total += _CHARACTERISTIC_16 if isinstance(uuid, int) else _CHARACTERISTIC_128
            if flags & _NOTIFY:
                total += _CCCD
    return total


def services(bluetooth):
    """The table as `gatts_register_services` takes it."""
    return tuple(
        (
            bluetooth.UUID(service),
            tuple((bluetooth.UUID(uuid), flags) for uuid, flags in characteristics),
        )
        for service, characteristics in TABLE
    )


def heart_rate(buffer, rate, contact, rr_1024, count):
    """A Heart Rate Measurement (0x2A37) into `buffer`; returns its length.

    rate: beats/min, 0 = not known; contact: whether the signal can be judged; rr_1024: intervals
    in 1/1024 s, oldest first, `count` of them.
    """
    flags = 0x04 | (0x02 if contact else 0)  # the sensor tells of skin contact
    if rate > 255:
        flags |= 0x01
    if count:
        flags |= 0x10
    buffer[0] = flags
    buffer[1] = rate & 255
    at = 2
    if rate > 255:
        buffer[2] = rate >> 8
        at = 3
    for i in range(count):
        buffer[at] = rr_1024[i] & 255
        buffer[at + 1] = rr_1024[i] >> 8
        at += 2
    return at


def advertisement(name):
    """31 bytes: general discovery, our service, the name as far as it fits."""
    uuid = bytes(reversed(_unhex(wire.SERVICE_UUID.replace("-", ""))))
    short = name.encode()[:8]
    kind = 9 if len(short) == len(name) else 8
    return b"\x02\x01\x06" + bytes([17, 7]) + uuid + bytes([len(short) + 1, kind]) + short


def private_advertisement(identifier):
    """Discoverability and an identifier (8 bytes) that only the key's holder recognises.

    0xFFFF is the SIG's company number for what has none: nothing here tells what the device is.
    """
    return b"\x02\x01\x06\x0b\xff\xff\xff" + identifier


def _unhex(text):
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


def scan_response(heart_rate_open):
    """What else a central may want to know before it connects."""
    return b"\x03\x03\x0d\x18" if heart_rate_open else b""
