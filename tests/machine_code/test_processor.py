"""The emulated processors: results, counters, and everything that must be refused."""

import subprocess
from array import array
from pathlib import Path

import pytest
import unicorn

from heartlog.image.compile import compile_mpy
from heartlog.machine_code import ARCHITECTURES, MachineCodeError, Program
from heartlog.machine_code.processor import signed

FIRMWARE = Path(__file__).parent / "firmware"


@pytest.fixture(scope="module", params=ARCHITECTURES)
def program(request: pytest.FixtureRequest) -> Program:
    return Program(request.param, FIRMWARE)


def test_integers_are_32_bit_words(program: Program) -> None:
    probe = program.module("probe")
    assert probe.add(2, 3) == 5
    assert probe.add(-2, -3) == -5
    assert probe.add(0x7FFFFFFF, 1) == -0x80000000
    assert probe.divide(-7, 2) == -4 * 1000 + 1
    assert probe.divide(7, -2) == -4 * 1000 - 1
    assert probe.after_a_class(0xAA) == 0xFF


def test_results_have_the_declared_type(program: Program) -> None:
    probe = program.module("probe")
    assert probe.below(1, 2) is True
    assert probe.below(2, 1) is False
    assert probe.nothing(1) is None


def test_buffers_go_in_and_come_back(program: Program) -> None:
    probe = program.module("probe")
    words = array("i", bytes(40))
    assert probe.fill(words, 10, -5) == 10
    assert list(words) == list(range(-5, 5))
    assert probe.sum_bytes(bytearray(range(100)), 100) == 4950
    assert probe.Counter().run() == 10
    assert probe.Counter.SIZES == [2, 4, 6]


def test_a_write_beside_a_buffer_is_found(program: Program) -> None:
    probe = program.module("probe")
    with pytest.raises(MachineCodeError, match=r"wrote after the buffer of argument 0 \(40 bytes"):
        probe.fill(array("i", bytes(40)), 11, 0)


def test_watching_finds_a_read_beside_a_buffer() -> None:
    probe = Program("armv6m", FIRMWARE, watch=True).module("probe")
    assert probe.peek(array("i", [7, 8]), 1) == 8
    with pytest.raises(MachineCodeError, match="outside the buffers"):
        probe.peek(array("i", [7, 8]), 2)


def test_a_call_into_the_runtime_fails_by_name(program: Program) -> None:
    with pytest.raises(MachineCodeError, match=r"allocate: calls into the runtime \(new_list\)"):
        program.module("probe").allocate(3)


def test_wrong_number_of_arguments_and_division_by_zero(program: Program) -> None:
    probe = program.module("probe")
    with pytest.raises(MachineCodeError, match="takes 2 arguments, not 1"):
        probe.add(1)
    with pytest.raises(MachineCodeError, match="divides by zero"):
        probe.divide(1, 0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_instructions_counted_by_blocks_are_those_executed(architecture: str) -> None:
    program = Program(architecture, FIRMWARE)
    probe = program.module("probe")
    executed = []

    def on_code(_uc: object, address: int, _size: int, _data: object) -> None:
        if address < 0x20_0000:  # below the landing places of runtime calls
            executed.append(address)

    program.processor._uc.hook_add(unicorn.UC_HOOK_CODE, on_code)
    for call, arguments in (
        (probe.far, (101,)),
        (probe.fill, (array("i", bytes(400)), 100, 1)),
        (probe.divide, (100, 7)),
    ):
        executed.clear()
        before = program.processor.instructions
        call(*arguments)
        counted = program.processor.instructions - before
        # Unicorn doesn't report the ones that a Thumb-2 IT block skips; they take their cycle.
        skipped = counted - len(executed)
        assert len(executed) > 20
        assert 0 <= skipped <= (0.05 * counted if architecture == "armv7emsp" else 0)


def test_cycles_are_those_of_the_manual() -> None:
    """By hand: each extra turn of `fill`'s loop costs the same, between 1 and 3 a instruction."""
    program = Program("armv6m", FIRMWARE)
    probe, processor = program.module("probe"), program.processor
    costs = []
    for turns in (1, 2, 3, 10):
        before = processor.instructions, processor.cycles
        probe.fill(array("i", bytes(40)), turns, 1)
        costs.append((processor.instructions - before[0], processor.cycles - before[1]))
    turn = (costs[1][0] - costs[0][0], costs[1][1] - costs[0][1])
    assert costs[2] == (costs[1][0] + turn[0], costs[1][1] + turn[1])
    assert costs[3] == (costs[0][0] + 9 * turn[0], costs[0][1] + 9 * turn[1])
    assert turn[0] < turn[1] < 3 * turn[0]


def test_all_architectures_agree_with_micropython(micropython: str, tmp_path: Path) -> None:
    script = "import probe\nprint([probe.far(x) for x in range(60)])"
    (tmp_path / "probe.mpy").write_bytes(compile_mpy(FIRMWARE / "probe.py", "x64"))
    run = subprocess.run(
        [micropython, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for architecture in ARCHITECTURES:
        probe = Program(architecture, FIRMWARE).module("probe")
        assert run.stdout.strip() == str([probe.far(x) for x in range(60)])


def test_signed() -> None:
    assert [signed(w) for w in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)] == [
        0, 1, 0x7FFFFFFF, -0x80000000, -1,
    ]  # fmt: skip
