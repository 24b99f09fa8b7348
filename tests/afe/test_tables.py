"""The driver's tables of parts, in CPython: IDs, and waits that suit every part."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = [
    *("ADS1191", "ADS1192", "ADS1291", "ADS1292", "ADS1292R", "ADS1194", "ADS1196", "ADS1198"),
    *("ADS1294", "ADS1296", "ADS1298", "ADS1294R", "ADS1296R", "ADS1298R"),
    *("ADS1299-4", "ADS1299-6", "ADS1299"),
]

pytestmark = pytest.mark.usefixtures("rooms")


def test_ids_name_one_part_each() -> None:
    from monitor.afe import parts

    for mask, value, name in parts.IDS:
        assert parts.name_of(value) == name
        assert parts.find(value).name == parts.find(name).name == name
        others = [n for m, v, n in parts.IDS if value & m == v]
        assert others == [name], others
        del mask
    for revision in range(8):
        assert parts.name_of(revision << 5 | 0x1E) in ("ADS1299", None) or revision in (2, 3, 4, 6)
    assert parts.name_of(0x00) is None
    assert parts.name_of(0xFF) is None
    with pytest.raises(KeyError, match="ADS1292R"):
        parts.find("ADS1300")


def test_waits_of_the_bus_cover_every_part() -> None:
    """The bus does not know the part before it has read its ID: its waits suit the slowest."""
    from models import timing

    source = (REPOSITORY / "firmware/monitor/afe/bus.py").read_text()

    def constant(name: str) -> int:
        line = next(x for x in source.splitlines() if x.startswith(f"{name} = const("))
        return int(line.split("const(")[1].split(")")[0].replace("_", ""), 0)

    for part in PARTS:
        t = timing.of(part)
        slow = 1.05  # the oscillators are good to 2.5 %
        assert constant("_POWER_UP_MS") * 1e6 >= t.ns(t.power_up) * slow
        assert constant("_RESET_LOW_US") * 1e3 >= t.ns(t.reset_low) * slow
        assert constant("_RESET_WAIT_US") * 1e3 >= t.ns(t.reset) * slow
        assert constant("_COMMAND_WAIT_US") * 1e3 >= t.ns(t.decode) * slow
        assert constant("_CS_AFTER_US") * 1e3 >= t.ns(t.cs_after) * slow
        assert constant("_CS_HIGH_US") * 1e3 >= t.ns(t.cs_high) * slow
        assert 8e9 / constant("REGISTER_BAUDRATE") >= t.ns(t.decode) * slow
