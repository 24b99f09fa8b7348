"""The reader of .mpy files against the compiler's output and against damage."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartlog.image.compile import ARCHITECTURES, compile_mpy
from heartlog.machine_code import MpyError, parse
from heartlog.machine_code.program import viper_codes
from heartlog.machine_code.thumb import thumb_cost

PROBE = Path(__file__).parent / "firmware" / "probe.py"


@pytest.fixture(scope="module")
def probe() -> bytes:
    return compile_mpy(PROBE, "armv6m")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_names_belong_to_their_code(architecture: str) -> None:
    mpy = parse(compile_mpy(PROBE, architecture))
    assert mpy.architecture == architecture
    codes = dict(viper_codes(mpy, ast.parse(PROBE.read_text())))
    assert list(codes) == [
        "add", "divide", "below", "nothing", "fill", "sum_bytes", "peek", "allocate", "far",
        "after_a_class",
    ]  # fmt: skip
    assert len(codes["far"].code) == max(len(c.code) for c in codes.values())


def test_every_truncation_is_refused(probe: bytes) -> None:
    for length in range(len(probe)):
        with pytest.raises(MpyError, match=r"truncated|announced"):
            parse(probe[:length])


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_damage_gives_an_error_or_a_tree(probe: bytes, position: int, value: int) -> None:
    damaged = bytearray(probe)
    damaged[position % len(damaged)] = value
    try:
        parse(bytes(damaged))
    except MpyError:
        return  # the one error there may be


@pytest.mark.parametrize(
    ("head", "words"),
    [(b"", "truncated"), (b"PK\3\4", "begin with M"), (b"M\5\0\0", "format 5.0"),
     (b"M\6\x37\x1f", "unknown architecture 13")],
)  # fmt: skip
def test_other_files_are_named(head: bytes, words: str) -> None:
    with pytest.raises(MpyError, match=words):
        parse(head + bytes(20) if head else head)


@pytest.mark.parametrize(
    ("half_word", "cost"),
    [
        (0x1840, (2, 1, 0)),  # adds r0, r0, r1
        (0x6808, (2, 2, 0)),  # ldr r0, [r1]
        (0x4B01, (2, 2, 0)),  # ldr r3, [pc, #4]
        (0xB5FE, (2, 9, 2)),  # push {r1-r7, lr}
        (0xBDFE, (2, 9, 2)),  # pop {r1-r7, pc}: 11 with the branch
        (0xD0FE, (2, 1, 1)),  # beq
        (0xE7FE, (2, 1, 1)),  # b
        (0x4770, (2, 1, 1)),  # bx lr
        (0x4798, (2, 1, 1)),  # blx r3
        (0x4487, (2, 1, 1)),  # add pc, r0
        (0x46F7, (2, 1, 1)),  # mov pc, lr
        (0x4680, (2, 1, 0)),  # mov r8, r0
        (0xF000, (4, 2, 1)),  # bl
        (0xC90E, (2, 4, 0)),  # ldmia r1!, {r1-r3}
        (0x4348, (2, 1, 0)),  # muls
    ],
)
def test_cortex_m0_plus_costs(half_word: int, cost: tuple[int, int, int]) -> None:
    assert thumb_cost(half_word) == cost
