"""The firmware's cryptography against published vectors and against an independent implementation.

The firmware's modules run in MicroPython, in a process that answers one JSON line a call.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from heartlog.security.channel import Channel, Forged, Handshake, NotOurMonitor, recognise

SERVER = """
import sys, json, time
sys.path.insert(0, %r)
from binascii import hexlify, unhexlify
from monitor.link.ccm import Ccm
from monitor.link import secure
gate = None
while True:
    line = sys.stdin.readline()
    if not line:
        break
    q = json.loads(line)
    a = [unhexlify(x[4:]) if isinstance(x, str) and x[:4] == "hex:" else x for x in q["args"]]
    do = q["do"]
    if do == "hmac":
        r = secure.hmac(*a)
    elif do == "hkdf":
        r = secure.hkdf(*a)
    elif do == "identifier":
        r = secure.identifier(*a)
    elif do == "ccm_seal":
        key, nonce, header, text = a
        buffer = bytearray(text) + bytearray(8)
        Ccm(key, 512).seal(nonce, header, buffer, len(text))
        r = bytes(buffer)
        for off in range(1, 4):  # not on a word: the same, byte by byte
            moved = memoryview(bytearray(off) + bytearray(text) + bytearray(8))[off:]
            Ccm(key, 512).seal(nonce, header, moved, len(text))
            assert bytes(moved) == r
    elif do == "ccm_open":
        key, nonce, header, text = a
        buffer = bytearray(text)
        n = Ccm(key, 512).open(nonce, header, buffer, len(buffer))
        r = [n, "hex:" + hexlify(buffer).decode()]
    elif do == "gate":
        gate = secure.Gate(a[0], a[1], time.ticks_diff)
        r = None
    elif do == "hello":
        r = gate.hello(*a)
    elif do == "challenge":
        r = gate.challenge()
    elif do == "answer":
        r = gate.answer(a[0], a[1])
    elif do == "state":
        r = [gate.let_in, gate.failures, gate.waiting(a[0])]
    elif do == "reset":
        r = gate.reset()
    elif do == "passkey":
        r = gate.passkey
    elif do == "sent":  # so many frames of a kind, both ways
        gate.to_host._counters[a[0]] = gate.to_monitor._counters[a[0]] = a[1]
    elif do == "seal":
        buffer = bytearray(4) + bytearray(a[1]) + bytearray(8)
        try:
            n = gate.to_host.seal(a[0], buffer, len(a[1]))
            r = bytes(memoryview(buffer)[:n])
        except OSError as error:
            r = str(error)
    elif do == "open":
        r = gate.to_monitor.open(a[0], a[1])
    if isinstance(r, (bytes, bytearray)):
        r = "hex:" + hexlify(r).decode()
    print(json.dumps(r))
"""


class Firmware:
    """The firmware's modules, called by name in MicroPython."""

    def __init__(self, micropython: str, repository: Path) -> None:
        code = SERVER % str(repository / "firmware")
        self._process = subprocess.Popen(
            [micropython, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, do: str, *args: Any) -> Any:
        values = ["hex:" + x.hex() if isinstance(x, bytes) else x for x in args]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "args": values}) + "\n")
        self._process.stdin.flush()
        r = json.loads(self._process.stdout.readline())
        return bytes.fromhex(r[4:]) if isinstance(r, str) and r.startswith("hex:") else r

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def firmware(micropython: str, repository: Path) -> Iterator[Firmware]:
    process = Firmware(micropython, repository)
    yield process
    process.close()


def test_hmac_gives_the_published_results(firmware: Firmware) -> None:
    """RFC 4231, test cases 1, 2, 3 and 6."""
    cases = [
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 20,
            b"\xdd" * 50,
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ]
    for key, text, digest in cases:
        assert firmware("hmac", key, text).hex() == digest


def test_hkdf_gives_the_published_results(firmware: Firmware) -> None:
    """RFC 5869, test cases 1 and 3, their first 32 bytes."""
    first = firmware("hkdf", b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 32)
    assert first.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    third = firmware("hkdf", b"\x0b" * 22, b"", b"", 32)
    assert third.hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_ccm_gives_the_published_results(firmware: Firmware) -> None:
    """RFC 3610, packet vectors 1, 2 and 3 (M = 8, L = 2, 8 bytes of header)."""
    key = bytes(range(0xC0, 0xD0))
    header = bytes(range(8))
    cases = [
        (
            "00000003020100a0a1a2a3a4a5",
            0x1F,
            "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0",
        ),
        (
            "00000004030201a0a1a2a3a4a5",
            0x20,
            "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916",
        ),
        (
            "00000005040302a0a1a2a3a4a5",
            0x21,
            "51b1e5f44a197d1da46b0f8e2d282ae871e838bb64da8596574adaa76fbd9fb0c5",
        ),
    ]
    for nonce, end, sealed in cases:
        text = bytes(range(8, end))
        assert firmware("ccm_seal", key, bytes.fromhex(nonce), header, text).hex() == sealed


@settings(max_examples=150, deadline=None)
@given(
    key=st.binary(min_size=16, max_size=16),
    nonce=st.binary(min_size=13, max_size=13),
    header=st.binary(max_size=14),
    text=st.binary(max_size=500),
    flip=st.integers(min_value=0),
)
def test_ccm_agrees_with_an_independent_implementation(
    firmware: Firmware, key: bytes, nonce: bytes, header: bytes, text: bytes, flip: int
) -> None:
    sealed = firmware("ccm_seal", key, nonce, header, text)
    assert sealed == AESCCM(key, tag_length=8).encrypt(nonce, text, header)
    length, opened = firmware("ccm_open", key, nonce, header, sealed)
    assert length == len(text)
    assert bytes.fromhex(opened[4:])[:length] == text
    bad = bytearray(sealed)
    bad[flip % len(bad)] ^= 1 << (flip // len(bad)) % 8
    length, wiped = firmware("ccm_open", key, nonce, header, bytes(bad))
    assert length == -1
    assert not any(bytes.fromhex(wiped[4:])), "a forged text must not stay in the buffer"


def shake(firmware: Firmware, key: bytes, now: int = 0) -> Handshake:
    handshake = Handshake(key)
    assert firmware("answer", handshake.answer(firmware("hello", handshake.hello(), now)), now)
    return handshake


def test_both_sides_agree_and_frames_pass_both_ways(firmware: Firmware) -> None:
    key = os.urandom(32)
    firmware("gate", key, 7)
    handshake = shake(firmware, key)
    assert firmware("passkey") == handshake.passkey
    assert 0 <= handshake.passkey < 1_000_000
    for i in range(20):
        text = bytes(range(i * 11))
        assert handshake.from_monitor.open(3, firmware("seal", 3, text)) == text
        assert firmware("open", 2, handshake.to_monitor.seal(2, text)) == text


def test_a_replayed_reordered_cut_or_redirected_frame_is_refused(firmware: Firmware) -> None:
    key = os.urandom(32)
    firmware("gate", key, 7)
    handshake = shake(firmware, key)
    one = handshake.to_monitor.seal(2, b"one")
    two = handshake.to_monitor.seal(2, b"two")
    assert firmware("open", 2, two) == b"two"
    assert firmware("open", 2, two) is None, "replayed"
    assert firmware("open", 2, one) is None, "older than one that came"
    three = handshake.to_monitor.seal(2, b"three")
    assert firmware("open", 1, three) is None, "meant for another purpose"
    for n in range(len(three)):
        assert firmware("open", 2, three[:n]) is None
    assert firmware("open", 2, three) == b"three", "refused frames must not use up the counter"
    a = firmware("seal", 3, b"a")
    b = firmware("seal", 3, b"b")
    assert handshake.from_monitor.open(3, b) == b"b"
    for frame, kind in ((a, 3), (b, 3), (firmware("seal", 3, b"c"), 4), (b"", 3)):
        with pytest.raises(Forged):
            handshake.from_monitor.open(kind, frame)


def test_no_nonce_comes_twice_at_the_end_of_the_counters(firmware: Firmware) -> None:
    """2^30 - 1 frames of a kind, then the connection has to be made anew."""
    key, last = os.urandom(32), 2**30 - 1
    firmware("gate", key, 7)
    handshake = shake(firmware, key)
    here, there = handshake.to_monitor, handshake.from_monitor
    firmware("sent", 3, last - 1)
    here._counters[3] = there._counters[3] = last - 1
    assert firmware("open", 3, here.seal(3, b"last")) == b"last"
    assert there.open(3, firmware("seal", 3, b"last")) == b"last"
    assert "reconnect" in firmware("seal", 3, b"one more")
    with pytest.raises(Forged, match="reconnect"):
        here.seal(3, b"one more")
    assert firmware("open", 4, here.seal(4, b"another kind")) == b"another kind"
    firmware("sent", 5, last)
    beyond = (last + 1).to_bytes(4, "little") + bytes(20)
    assert firmware("open", 5, beyond) is None
    with pytest.raises(Forged, match="replayed"):
        there.open(5, beyond)


def test_a_recording_of_one_connection_is_worth_nothing_in_the_next(firmware: Firmware) -> None:
    key = os.urandom(32)
    firmware("gate", key, 7)
    old = Handshake(key)
    hello = old.hello()
    proof = firmware("hello", hello, 0)
    answer = old.answer(proof)
    assert firmware("answer", answer, 0)
    frame = old.to_monitor.seal(2, b"erase")
    firmware("reset")
    assert firmware("hello", hello, 0) != proof
    assert not firmware("answer", answer, 0), "replayed answer"
    shake(firmware, key)
    assert firmware("open", 2, frame) is None


def test_a_stranger_is_told_nothing_and_slowed(firmware: Firmware) -> None:
    key = os.urandom(32)
    firmware("gate", key, 1)
    stranger = Handshake(os.urandom(32))
    waits = []
    now = 0
    for _ in range(12):
        proof = firmware("hello", stranger.hello(), now)
        assert len(proof) == 32
        with pytest.raises(NotOurMonitor):
            stranger.answer(proof)
        assert not firmware("answer", os.urandom(16), now)
        let_in, _, wait = firmware("state", now)
        assert not let_in
        waits.append(wait)
        assert wait == 0 or firmware("hello", stranger.hello(), now + wait - 1) is None
        now += wait
    assert waits == [0, 0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]
    shake(firmware, key, now)
    assert firmware("state", now) == [True, 0, 0]


def test_a_gate_that_strangers_have_shut_is_open_for_its_host(firmware: Firmware) -> None:
    key = os.urandom(32)
    firmware("gate", key, 1)
    for _ in range(1000):
        assert not firmware("answer", os.urandom(16), 5)
    assert firmware("state", 5)[2] == 60000
    for challenge in (firmware("challenge"), firmware("challenge")):
        assert firmware("hello", Handshake(os.urandom(32)).hello(), 5) is None
        assert firmware("hello", Handshake(os.urandom(32)).hello(challenge), 5, challenge) is None
        assert firmware("hello", Handshake(key).hello(), 5, challenge) is None
    host = Handshake(key)
    answered = host.hello(challenge)
    assert firmware("hello", answered, 5) is None, "without its challenge it is any recording"
    assert firmware("hello", answered, 5, firmware("challenge")) is None
    proof = firmware("hello", answered, 5, challenge)
    assert firmware("answer", host.answer(proof), 5)
    assert firmware("state", 5) == [True, 0, 0]


def test_an_answer_without_a_hello_and_malformed_hellos_are_refused(firmware: Firmware) -> None:
    key = os.urandom(32)
    firmware("gate", key, 1)
    assert not firmware("answer", os.urandom(16), 0)
    for message in (b"", b"\x01", b"\x02" + bytes(16), b"\x01" + bytes(17), bytes(500)):
        assert firmware("hello", message, 0) is None


def test_a_clone_without_the_key_is_noticed() -> None:
    handshake = Handshake(os.urandom(32))
    for proof in (b"", bytes(31), os.urandom(32)):
        with pytest.raises(NotOurMonitor):
            handshake.answer(proof)
    with pytest.raises(NotOurMonitor):
        _ = handshake.to_monitor


def test_only_the_key_holder_recognises_the_advertised_identifier(firmware: Firmware) -> None:
    key = os.urandom(32)
    seen = {firmware("identifier", key, os.urandom(4)) for _ in range(50)}
    assert len(seen) == 50
    assert all(recognise(key, i) for i in seen)
    assert not any(recognise(os.urandom(32), i) for i in seen)
    assert not recognise(key, b"short")


def test_a_counter_that_runs_out_ends_the_connection() -> None:
    channel = Channel(bytes(16))
    channel._counters[1] = 0x3FFFFFFE
    channel.seal(1, b"last")
    with pytest.raises(Forged, match="reconnect"):
        channel.seal(1, b"one too many")
