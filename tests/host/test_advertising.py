"""Whoever is in range may advertise anything: no bytes stop the search for a monitor."""

import asyncio
import logging
import random
from types import SimpleNamespace
from typing import Any

import pytest
from tests.host.test_bumble_backend import SERVICE, Peripheral

from heartlog.ble import find_monitor, scan
from heartlog.ble.advertising import MOST_NAME, parse, printable
from heartlog.cli import output

UUID_BYTES = bytes(reversed(bytes.fromhex(SERVICE.replace("-", ""))))
MONITOR = b"\x02\x01\x06" + b"\x11\x07" + UUID_BYTES + b"\x06\x08Bravo"
ODD = {
    "a name that is no UTF-8": b"\x02\x01\x06\x05\x09\xc3\x28\xff\xfe",
    "a name that a terminal obeys": b"\x11\x07" + UUID_BYTES + b"\x08\x09\x1b[31mX\x07",
    "a company without its number": b"\x02\xff\x01",
    "nothing of a company": b"\x01\xff",
    "half a UUID": b"\x0a\x07" + UUID_BYTES[:9],
    "service data without its service": b"\x02\x16\x0d\x01\x21",
    "no power": b"\x01\x0a",
    "power of three bytes": b"\x04\x0a\x01\x02\x03",
    "a length beyond the end": b"\x1e\x09ab",
    "a length alone": b"\x05",
    "lengths of nothing": bytes(31),
    "flags of nothing, twice": b"\x01\x01\x01\x01",
    "a paired monitor's identifier, too short": b"\x04\xff\xff\xff\x00",
    "a paired monitor's identifier, too long": b"\x1e\xff\xff\xff" + bytes(27),
}


def structures(data: bytes) -> list[tuple[int, bytes]]:
    """As Bumble cuts them: what runs over the end is cut there."""
    from bumble.core import AdvertisingData

    return [(int(kind), value) for kind, value in AdvertisingData.from_bytes(data).ad_structures]


def test_an_honest_advertisement_says_all() -> None:
    made = b"\x05\xff\xff\xff\x01\x02" + b"\x02\x0a\xf8" + b"\x05\x03\x0d\x18\x0f\x18"
    said = parse(structures(MONITOR + made + b"\x04\x16\x0f\x18\x64" + b"\x06\x09Bravo"))
    short = "0000{}-0000-1000-8000-00805f9b34fb".format
    assert said.name == "Bravo"
    assert said.services == [SERVICE, short("180d"), short("180f")]
    assert said.manufacturer == {0xFFFF: b"\x01\x02"}
    assert said.served == {short("180f"): b"\x64"}
    assert said.power == -8


def test_any_bytes_are_taken() -> None:
    """Random ones, and honest ones with a few changed: what is read was there."""
    rng = random.Random(5)
    named = found = 0
    for _ in range(20_000):
        data = bytearray(MONITOR if rng.random() < 0.7 else rng.randbytes(rng.randrange(255)))
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        data = data[: rng.choice((255, 255, rng.randrange(32)))]
        said = parse(structures(bytes(data)))
        found += SERVICE in said.services
        named += said.name == "Bravo"
        assert said.name is None or (said.name.isprintable() and len(said.name) <= MOST_NAME)
        assert sum(map(len, said.manufacturer.values())) <= len(data)
        assert 2 * len(said.services) <= len(data)
        assert said.power is None or -128 <= said.power <= 127
    assert min(found, named) > 3_000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Heartlog 3f2a", "Heartlog 3f2a"),
        ("\x1b]0;owned\x07\x1b[2J", "]0;owned [2J"),
        ("a\u202egol\u2066", "a gol"),
        (" \n\t", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("Müller's [1]", "Müller's [1]"),
        ("x" * 900, "x" * MOST_NAME),
    ],
)
def test_what_is_shown_of_a_name(name: str | bytes, shown: str) -> None:
    assert printable(name) == shown


def test_a_name_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.out().print(output.table(("Name",), [("[/] [red]x",)]))
    assert "[/] [red]x" in capsys.readouterr().out


def test_an_operating_systems_names_are_cleaned_too() -> None:
    """bleak's own scanner hands on what BlueZ, Windows or macOS made of the bytes."""
    callbacks = []

    class Scanner:
        def __init__(self, detection_callback: object) -> None:
            callbacks.append(detection_callback)

        async def __aenter__(self) -> None:
            for n, name in enumerate(("\x1b[2J", None, "", "Bravo\n\x00")):
                device = SimpleNamespace(address=f"C0:{n}", name=None)
                said = SimpleNamespace(
                    local_name=name, service_uuids=[SERVICE], rssi=-50, manufacturer_data={}
                )
                callbacks[0](device, said)

        async def __aexit__(self, *_: object) -> None:
            pass

    backend = SimpleNamespace(scanner=Scanner, keys=None)
    names = {f.name for f in asyncio.run(scan(backend, 0.01))}  # type: ignore[arg-type]
    assert names == {"[2J", "C0:1", "C0:2", "Bravo"}


def test_a_monitor_is_found_among_them(caplog: pytest.LogCaptureFixture) -> None:
    """On the air, through Bumble's whole stack; one after the other beside a real monitor."""
    peripheral = Peripheral("Alpha", "Beta")
    heard: set[str] = set()

    def hear(device: Any, _: Any) -> None:
        heard.add(device.address)

    async def go() -> None:
        async with peripheral.backend() as backend:
            for data in ODD.values():
                await peripheral.later(f"say Beta {data.hex()}")
                heard.clear()
                async with asyncio.timeout(60), backend.scanner(detection_callback=hear):
                    while len(heard) < 2:
                        await asyncio.sleep(0.02)
                found = await find_monitor(backend, "Alpha", timeout=60)
                assert found.name == "Alpha"
            await peripheral.later(f"say Beta {MONITOR.hex()}")
            assert (await find_monitor(backend, "Bravo", timeout=60)).name == "Bravo"

    try:
        with caplog.at_level(logging.WARNING):
            asyncio.run(go())
    finally:
        peripheral.stop()
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []
