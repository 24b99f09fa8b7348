"""The GATT table fits BTstack, and what anyone may hear is what the SIG says."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from heartlog._firmware.monitor.link import gatt, wire


def test_the_table_fits_btstack() -> None:
    """Its attribute database has 512 bytes and overflows without a word."""
    assert gatt.cost() <= gatt.LIMIT == 512
    assert gatt.cost(((0x180D, ((0x2A37, 0x10),)),)) == 65 + 10 + 21 + 10


def test_the_advertisement_is_whole() -> None:
    data = gatt.advertisement("Heartlog")
    assert len(data) <= 31
    found, at = {}, 0
    while at < len(data):
        found[data[at + 1]] = data[at + 2 : at + 1 + data[at]]
        at += 1 + data[at]
    assert found[1] == b"\x06"
    assert found[7][::-1].hex() == wire.SERVICE_UUID.replace("-", "")
    assert found[9] == b"Heartlog"
    assert gatt.advertisement("A much longer name")[22] == 8  # said to be shortened


@given(st.integers(0, 400), st.booleans(), st.lists(st.integers(0, 65535), max_size=8))
def test_heart_rate_measurement(rate: int, contact: bool, intervals: list[int]) -> None:
    """Flags of the SIG's 0x2A37: contact supported always, detected only when it is."""
    buffer = bytearray(24)
    size = gatt.heart_rate(buffer, rate, contact, intervals, len(intervals))
    flags, at = buffer[0], 2
    assert flags & 0x04
    assert bool(flags & 0x02) == contact
    assert not flags & 0x08
    if flags & 0x01:
        assert struct.unpack_from("<H", buffer, 1)[0] == rate
        at = 3
    else:
        assert buffer[1] == rate
    assert bool(flags & 0x10) == bool(intervals)
    assert list(struct.unpack_from(f"<{len(intervals)}H", buffer, at)) == intervals
    assert size == at + 2 * len(intervals) <= 20
