"""The journal on flash: whatever the power does, what was flushed is there and no number twice."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(repository: Path, micropython: str, script: str, *arguments: object) -> list[int]:
    """Runs a script in MicroPython; the numbers of its last line."""
    command = [micropython, "-X", "heapsize=16M", str(HERE / script)]
    command += [str(repository / "firmware"), str(repository / "boards" / "virtual")]
    done = subprocess.run(
        command + [str(a) for a in arguments], capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    return [int(word) for word in done.stdout.split("\n")[-2].split()]


@pytest.mark.parametrize(("seed", "blocks", "records"), [(1, 5, 1200), (2, 4, 1200), (3, 8, 600)])
def test_power_cut_at_every_operation(
    seed: int, blocks: int, records: int, repository: Path, micropython: str
) -> None:
    cuts, again, checked, most_lost, most_ms, made, *_ = run(
        repository, micropython, "cuts.py", seed, blocks, records
    )
    assert cuts > 120
    assert again > 20
    assert checked > 10 * made
    assert most_lost <= 64
    assert most_ms <= 10000


def test_settings_survive_a_cut_at_every_operation(repository: Path, micropython: str) -> None:
    cuts, erases = run(repository, micropython, "settings_check.py")
    assert cuts > 100
    assert erases < 12


@pytest.mark.parametrize("seed", [1, 2])
def test_keys_are_there_once_and_their_forerunners_nowhere(
    seed: int, repository: Path, micropython: str
) -> None:
    """Power cut at every operation, and in the boots after it: one newest key, none that went."""
    cuts, boots, keys, erases = run(repository, micropython, "keyslots_check.py", seed, 300)
    assert cuts > 450
    assert boots > 60
    assert keys > 190
    assert erases < 10


def test_fences_hold_their_place_in_the_file_system(repository: Path, micropython: str) -> None:
    cuts, _wear = run(repository, micropython, "fence_check.py", 23)
    assert cuts >= 20


def test_damaged_flash_costs_only_what_was_in_it(repository: Path, micropython: str) -> None:
    """Bit rot, another format, garbage, blocks that can't be erased: never a number twice."""
    damages, kept, whole = run(repository, micropython, "rot.py", 100)
    assert damages == 100
    assert kept > whole // 2
