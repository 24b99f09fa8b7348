"""Whatever the radio and the power do, the store ends up with what the device made: each record
once, none else, none different. What was not flushed when the power went may be missing, and only
that."""

import os
import random
from pathlib import Path

import pytest
from tests.link.bench import Device, Host

from heartlog._firmware.monitor.link import wire


def torture(device: Device, host: Host, rounds: int, reboots: bool = True) -> None:
    """Connections of all kinds, records of all kinds, and the power going now and then."""
    rng = host.rng
    for _ in range(rounds):
        device.say(f"b {rng.choice((0, 3, 20, 150))}")
        if rng.random() < 0.3:
            body = rng.randbytes(rng.randrange(40)).hex()
            device.say(f"r {rng.choice((4, 20, 28))} {body}")
        if reboots and rng.random() < 0.15:
            device.step(rng.randrange(12000))
            device.reboot()
        loss = rng.choice((0.0, 0.0, 0.05, 0.3))
        host.connection(device, rng.randrange(1, 25), loss)


def settle(device: Device, host: Host) -> None:
    """A good radio until the host has everything that was there when it began."""
    goal = device.info()["next"] - 1
    for _ in range(60):
        device.step(10000)
        host.connection(device, 60, 0.0, chaos=False)
        if host.watermark >= goal:
            return
    raise AssertionError(f"the host has {host.watermark} of {goal}")


def check(device: Device, host: Host) -> int:
    """Store and truth, record by record; returns how many there are in the store."""
    device.info()
    truth, unflushed = device.truth(), device.unflushed()
    for seq, record in host.store.items():
        if seq not in truth and record.kind == wire.DROPPED:
            continue  # the journal's own
        assert seq in truth, f"record {seq} was never made"
        assert truth[seq] == (record.boot, record.kind, record.body), f"record {seq} differs"
    said = {seq for first, last in host.missing for seq in range(first, last + 1)}
    assert not said & set(host.store)
    for seq in truth:
        if seq <= host.watermark and seq not in host.store:
            assert seq in unflushed, f"record {seq} is lost"
            assert seq in said, f"nobody said that record {seq} is lost"
    return len(host.store)


# Thousands of rounds: HEARTLOG_TORTURE=200 pytest tests/link/test_torture.py
SEEDS = int(os.environ.get("HEARTLOG_TORTURE", "6"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_record_once(seed: int, repository: Path, micropython: str, tmp_path: Path) -> None:
    host = Host(random.Random(seed), even=seed % 3 == 2)
    with Device(micropython, repository, tmp_path) as device:
        torture(device, host, 30, reboots=seed % 2 == 0)
        settle(device, host)
        assert check(device, host) > 200
        assert wire.BEAT in {record.kind for record in host.store.values()}


def test_a_host_that_was_away_too_long_is_told(
    repository: Path, micropython: str, tmp_path: Path
) -> None:
    """The ring is smaller than what happened: the oldest go, the host hears which, and the rest
    comes whole."""
    host = Host(random.Random(3))
    with Device(micropython, repository, tmp_path, blocks=3) as device:
        host.connection(device, 5, 0.0, chaos=False)
        device.say("b 14000")
        settle(device, host)
        truth = device.truth()
        gone = {seq for first, last in host.missing for seq in range(first, last + 1)}
        assert 500 < len(gone & set(truth)) < 14000
        stored = {seq for seq, record in host.store.items() if record.kind != wire.DROPPED}
        assert {s for s in truth if s <= host.watermark} - gone == stored
        told = [r.values for r in host.store.values() if r.kind == wire.DROPPED]
        assert told
        assert {s for v in told for s in range(v["first"], v["first"] + v["count"])} >= {
            s for s in gone if s <= max(v["first"] + v["count"] - 1 for v in told)
        }
