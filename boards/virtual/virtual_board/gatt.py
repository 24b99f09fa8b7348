"""The board's attribute table, as its stack would hold it, on Bumble's GATT server.

`build` takes what the firmware handed to `gatts_register_services` and returns the services and
the value handles. With BTstack's character the table has 512 bytes: what does not fit is missing,
and its handles repeat the last one that did, without a word to the firmware.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bumble import att, gatt
from bumble.core import UUID

# Flags of MicroPython's bluetooth module.
READ, WRITE_NO_RESPONSE, WRITE, NOTIFY, INDICATE = 0x02, 0x04, 0x08, 0x10, 0x20
READ_ENCRYPTED, READ_AUTHENTICATED = 0x0200, 0x0400
WRITE_ENCRYPTED, WRITE_AUTHENTICATED = 0x1000, 0x2000

BTSTACK_TABLE = 512
# What the GAP and GATT services take before the firmware's first service.
BTSTACK_BASE = 65

Service = tuple[bytes, list[tuple[bytes, int, list[tuple[bytes, int]]]]]
"""UUID and characteristics: UUID, flags, and descriptors with UUID and flags."""
Read = Callable[[Any, int], Awaitable[bytes]]
Write = Callable[[Any, int, bytes], Awaitable[None]]


@dataclass
class Table:
    """A built table: `services` for Bumble, `handles` for the firmware, by service."""

    services: list[gatt.Service] = field(default_factory=list)
    handles: list[list[int]] = field(default_factory=list)
    used: int = BTSTACK_BASE
    left_out: int = 0


def cost(uuid: bytes, flags: int, descriptors: list[tuple[bytes, int]]) -> int:
    """Bytes of a characteristic in BTstack's table: 21 or 49, 10 more with a CCCD."""
    wide = len(uuid) == 16
    size = 49 if wide else 21
    if flags & (NOTIFY | INDICATE):
        size += 10
    for descriptor, _ in descriptors:
        size += 22 if len(descriptor) == 16 else 8
    return size


async def _refuse(connection: Any, value: bytes) -> None:
    raise att.ATT_Error(att.ErrorCode.WRITE_NOT_PERMITTED)


def wanted(told: list[Any]) -> list[Service]:
    """The services as the firmware's side tells them: UUIDs in hexadecimal."""
    return [
        (
            bytes.fromhex(uuid),
            [
                (bytes.fromhex(u), flags, [(bytes.fromhex(d), f) for d, f in descriptors])
                for u, flags, descriptors in characteristics
            ],
        )
        for uuid, characteristics in told
    ]


def clear(server: Any, name: Callable[[], bytes]) -> None:
    """Leave nothing on the server but the device's name."""
    server.services.clear()
    server.attributes.clear()
    server.attributes_by_handle.clear()
    named = gatt.Characteristic(
        gatt.GATT_DEVICE_NAME_CHARACTERISTIC,
        gatt.Characteristic.READ,
        att.Attribute.Permissions.READABLE,
        att.AttributeValue(read=lambda _: name(), write=_refuse),
    )
    server.add_service(gatt.Service(gatt.GATT_GENERIC_ACCESS_SERVICE, [named]))


def build(
    server: Any,
    wanted: list[Service],
    btstack: bool,
    read: Read,
    write: Write,
) -> Table:
    """Put the services on Bumble's GATT server and return what the firmware is to know."""
    table = Table()
    last = 0
    for uuid, characteristics in wanted:
        table.used += 24 if len(uuid) == 16 else 10
        fits: list[tuple[gatt.Characteristic, list[gatt.Descriptor]] | None] = []
        for char_uuid, flags, descriptors in characteristics:
            table.used += cost(char_uuid, flags, descriptors)
            if btstack and table.used > BTSTACK_TABLE:
                table.left_out += 1
                fits.append(None)
                continue
            made = [_descriptor(u, f, read, write) for u, f in descriptors]
            fits.append((_characteristic(char_uuid, flags, made, read, write), made))
        kept = [item[0] for item in fits if item is not None]
        if kept or not characteristics:
            service = gatt.Service(UUID.from_bytes(uuid), kept)
            server.add_service(service)
            table.services.append(service)
        handles = []
        for item in fits:
            if item is None:
                handles.append(last)
                continue
            for attribute in (item[0], *item[1]):
                last = attribute.handle
                attribute.value.handle[0] = last
                handles.append(last)
        table.handles.append(handles)
    _fix_declarations(server)
    return table


def _fix_declarations(server: Any) -> None:
    """What services and characteristics there are can only be read; Bumble lets it be written."""
    for attribute in server.attributes:
        if isinstance(attribute.value, bytes):
            told = attribute.value
            attribute.value = att.AttributeValue(read=lambda _, told=told: told, write=_refuse)


def _characteristic(
    uuid: bytes, flags: int, descriptors: list[gatt.Descriptor], read: Read, write: Write
) -> gatt.Characteristic:
    permissions, value = _access(flags, read, write)
    return gatt.Characteristic(
        UUID.from_bytes(uuid),
        gatt.Characteristic.Properties(flags & 0x7F),
        permissions,
        value,
        descriptors=descriptors,
    )


def _descriptor(uuid: bytes, flags: int, read: Read, write: Write) -> gatt.Descriptor:
    permissions, value = _access(flags, read, write)
    return gatt.Descriptor(UUID.from_bytes(uuid), permissions, value)


def _access(
    flags: int, read: Read, write: Write
) -> tuple[att.Attribute.Permissions, att.AttributeValue]:
    permissions = att.Attribute.Permissions(0)
    if flags & READ:
        permissions |= att.Attribute.Permissions.READABLE
    if flags & (WRITE | WRITE_NO_RESPONSE):
        permissions |= att.Attribute.Permissions.WRITEABLE
    handle = [0]  # known when the service is on the server

    # Bumble calls a connection authenticated after any pairing, Just Works included, so both
    # conditions are checked here.
    # Nor does it refuse what the table does not permit.
    async def on_read(connection: Any) -> bytes:
        if not flags & READ:
            raise att.ATT_Error(att.ErrorCode.READ_NOT_PERMITTED)
        _guard(connection, flags & READ_ENCRYPTED, flags & READ_AUTHENTICATED)
        return await read(connection, handle[0])

    async def on_write(connection: Any, value: bytes) -> None:
        if not flags & (WRITE | WRITE_NO_RESPONSE):
            raise att.ATT_Error(att.ErrorCode.WRITE_NOT_PERMITTED)
        _guard(connection, flags & WRITE_ENCRYPTED, flags & WRITE_AUTHENTICATED)
        await write(connection, handle[0], bytes(value))

    access = att.AttributeValue(read=on_read, write=on_write)
    access.handle = handle
    return permissions, access


def _guard(connection: Any, encrypted: int, authenticated: int) -> None:
    if (encrypted or authenticated) and not connection.encryption:
        raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR)
    if authenticated and not getattr(connection, "mitm", False):
        raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR)
