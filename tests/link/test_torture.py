"""Whatever the radio does, the store ends up with what the device made: each record once."""

import random
from pathlib import Path

import pytest
from tests.link.bench import Device, Host

from heartlog._firmware.monitor.link import wire


def check(device: Device, host: Host, may_miss: bool = False) -> int:
    """Compares store and truth record by record; returns how many there were."""
    device.info()
    truth = device.truth()
    gone = {seq for first, last in host.missing for seq in range(first, last + 1)}
    for seq, (boot, kind, body) in truth.items():
        if seq in gone:
            assert may_miss, f"record {seq} was not delivered"
            assert seq not in host.store
            continue
        assert seq in host.store, f"record {seq} is lost"
        record = host.store[seq]
        assert (record.boot, record.kind, record.body) == (boot, kind, body)
    assert set(host.store) <= set(truth)
    return len(truth)


def catch_up(device: Device, host: Host) -> None:
    """A good radio until everything is there."""
    for _ in range(50):
        device.step(10000)
        host.connection(device, 60, 0.0, chaos=False)
        device.step(10000)
        if host.watermark >= device.info()["next"] - 3:  # the LINK records of this connection
            break
    host.connection(device, 60, 0.0, chaos=False)


@pytest.mark.parametrize("seed", range(4))
def test_every_record_once(seed: int, repository: Path, micropython: str, tmp_path: Path) -> None:
    rng = random.Random(seed)
    host = Host(rng)
    with Device(micropython, repository, tmp_path) as device:
        for _ in range(30):
            device.say(f"b {rng.choice((0, 3, 20, 150))}")
            if rng.random() < 0.3:
                device.say(f"r {rng.choice((4, 20, 28))} {rng.randbytes(rng.randrange(40)).hex()}")
            host.connection(device, rng.randrange(1, 25), rng.choice((0.0, 0.0, 0.05, 0.3)))
        device.say("b 1")
        catch_up(device, host)
        before = host.watermark
        device.say("b 1")
        device.step(20000)
        host.connection(device, 40, 0.0, chaos=False)
        assert host.watermark > before
        truth = {seq for seq in device.truth() if seq <= host.watermark}
        assert len(truth) > 200
        gone = {seq for first, last in host.missing for seq in range(first, last + 1)}
        assert not gone & truth
        assert truth == set(host.store)
        for seq, record in host.store.items():
            assert device.truth()[seq] == (record.boot, record.kind, record.body)
            break
        assert wire.BEAT in {record.kind for record in host.store.values()}
