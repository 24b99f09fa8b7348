"""The firmware's Ed25519 and SHA-512, run in MicroPython, against published and other answers."""

import hashlib
import json
import random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heartlog.device.signing import public_bytes

from .conftest import Runner

# RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc), as (public key, message, signature).
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
        "1cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
        "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
        "984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
LENGTHS = (0, 1, 3, 55, 63, 110, 111, 112, 113, 127, 128, 129, 300)
ORDER = 2**252 + 27742317777372353535851937790883648493


def run(onboard: Runner, cases: list[Any], messages: list[bytes] | None = None) -> dict[str, Any]:
    said = onboard(
        "signatures.py", cases=cases, messages=[message.hex() for message in messages or []]
    )
    answer: dict[str, Any] = json.loads(said)
    return answer


def test_published_vectors(onboard: Runner) -> None:
    verdicts = run(onboard, [list(case) for case in RFC_8032])["verdicts"]
    assert [verdict[0] for verdict in verdicts] == [True] * len(RFC_8032)


def test_work_is_cut_into_small_steps(onboard: Runner) -> None:
    """The loop goes on serving the radio: no step does more than one doubling and one addition."""
    (verdict, steps, _longest) = run(onboard, [list(RFC_8032[0])])["verdicts"][0]
    assert verdict is True
    assert steps == 332


def test_agrees_with_another_implementation(onboard: Runner) -> None:
    draw = random.Random(8032)
    cases, expected = [], []
    for number in range(24):
        key = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        message = draw.randbytes(number * 9)
        public, signature = bytearray(public_bytes(key)), bytearray(key.sign(message))
        good = number % 3 == 0
        if not good:
            # One bit of the signature or of the key, or another message.
            what = (signature, public)[number % 2]
            what[draw.randrange(len(what))] ^= 1 << draw.randrange(8)
        cases.append([public.hex(), message.hex(), signature.hex()])
        expected.append(good)
    verdicts = run(onboard, cases)["verdicts"]
    assert [verdict[0] for verdict in verdicts] == expected


def test_what_must_be_refused(onboard: Runner) -> None:
    public, message, signature = RFC_8032[2]
    raw = bytes.fromhex(signature)
    s = int.from_bytes(raw[32:], "little")
    again = raw[:32] + (s + ORDER).to_bytes(32, "little")  # the same point, another signature
    not_a_point = (2).to_bytes(32, "little").hex()
    beyond = (2**255 - 19 + 1).to_bytes(32, "little").hex()  # y = 1, not in canonical form
    cases = [
        [public, message, again.hex()],
        [public, message, signature[:-2]],
        [public[:-2], message, signature],
        [not_a_point, message, signature],
        [beyond, message, signature],
        [public, message, "00" * 64],
    ]
    verdicts = run(onboard, cases)["verdicts"]
    assert [verdict[0] for verdict in verdicts] == [False] * len(cases)


def test_sha512(onboard: Runner) -> None:
    """Lengths around the end of a block, where padding differs."""
    draw = random.Random(512)
    messages = [draw.randbytes(n) for n in LENGTHS]
    digests = run(onboard, [], messages)["digests"]
    assert digests == [hashlib.sha512(message).hexdigest() for message in messages]
