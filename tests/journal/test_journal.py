"""The journal on flash: whatever the power does, what was flushed is there and no number twice."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def lines(repository: Path, micropython: str, script: str, *arguments: object) -> list[str]:
    """Runs a script in MicroPython; what it printed."""
    command = [micropython, "-X", "heapsize=16M", str(HERE / script)]
    command += [str(repository / "firmware"), str(repository / "boards" / "virtual")]
    done = subprocess.run(
        command + [str(a) for a in arguments], capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    return done.stdout.splitlines()


def run(repository: Path, micropython: str, script: str, *arguments: object) -> list[int]:
    """The numbers of the script's last line."""
    last = lines(repository, micropython, script, *arguments)[-1]
    return [int(word) for word in last.split()]


@pytest.mark.parametrize(("seed", "blocks", "records"), [(1, 4, 1200), (2, 3, 1600)])
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


@pytest.mark.parametrize(("seed", "blocks", "records"), [(1, 5, 600), (3, 3, 400)])
def test_a_sealed_journal_through_a_cut_at_every_operation(
    seed: int, blocks: int, records: int, repository: Path, micropython: str
) -> None:
    """As above, steps of the key included: nothing flushed is lost, no page lies in clear, and no
    key that has gone can be found in the flash."""
    cuts, again, checked, most_lost, most_ms, made, *_ = run(
        repository, micropython, "cuts.py", seed, blocks, records, 1
    )
    assert cuts > records // 6
    assert again > 20
    assert checked > 10 * made
    assert most_lost <= 64
    assert most_ms <= 10000


@pytest.mark.parametrize(("kind", "step", "early"), [("raw", 9, 2), ("files", 9, 20)])
def test_a_wipe_leaves_no_key_wherever_the_power_goes(
    kind: str, step: int, early: int, repository: Path, micropython: str
) -> None:
    """Cut in the command, in the boot that goes on with it, and in the one after that."""
    step = int(os.environ.get("HEARTLOG_WIPE_STEP", step))  # 1: every operation
    cuts, boots, undone = run(repository, micropython, "wipe_check.py", step, kind)
    assert cuts > 30
    assert boots > 5
    assert undone <= early


def test_what_a_sealed_journal_costs(repository: Path, micropython: str) -> None:
    """Two hours of beats: a flash operation more for each step of the key and one for its end,
    no erase more, four bytes a page, an AES block for each sixteen bytes."""
    beats, programs, erases, length, s_programs, s_erases, s_length, blocks, digests = run(
        repository, micropython, "seal_cost.py", 2
    )
    assert s_programs - programs <= 2 * (erases + 1) + 1
    assert s_erases == erases
    assert s_length - length <= 4 * (length // 992 + 2) + 32
    assert blocks <= 0.14 * beats
    assert digests <= 8 * (erases + 1)


def test_a_vault_without_its_key_loses_nothing(repository: Path, micropython: str) -> None:
    """Paired, paired anew, keys that can't be kept, keys that are gone, and wiped."""
    assert run(repository, micropython, "vault_faults.py") == [1]


def test_settings_survive_a_cut_at_every_operation(repository: Path, micropython: str) -> None:
    cuts, erases = run(repository, micropython, "settings_check.py")
    assert cuts > 100
    assert erases < 12


def test_a_session_ends_in_the_settings_and_in_the_journal(
    repository: Path, micropython: str
) -> None:
    """Wherever the power goes between the two; the next boot tells what was not told."""
    cuts, told_by_boot = run(repository, micropython, "session_check.py")
    assert cuts > 80
    assert told_by_boot > 20


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


def test_the_file_systems_lists_are_read_as_it_reads_them(
    repository: Path, micropython: str
) -> None:
    """Changed, cut, damaged; and a list that lies gets no other file's block written."""
    compared, cuts, damaged, refused = run(repository, micropython, "places_check.py", 1, 200)
    assert compared > 700
    assert cuts > 20
    assert damaged == 20
    assert refused < 10


def test_damaged_flash_costs_only_what_was_in_it(repository: Path, micropython: str) -> None:
    """Bit rot, another format, garbage, blocks that can't be erased: never a number twice."""
    damages, kept, whole = run(repository, micropython, "rot.py", 100)
    assert damages == 100
    assert kept > whole // 2


@pytest.mark.parametrize(
    ("flash", "words", "records"),
    [
        (
            "format1.bin",
            "58d49ef25b355a824f36f193fd7ca5a100e3bfd4e29b2f8f11c0105ac2d09ef7",
            (2893, 1, 2957),
        ),
        (
            "format2.bin",
            "037fd6d25c789dc78a3e6db062acec7e4d58325a98b21aded94749a438b79827",
            (2050, 1, 2114),
        ),
    ],
)
def test_the_journal_of_an_older_version_is_delivered(
    flash: str, words: str, records: tuple[int, ...], repository: Path, micropython: str
) -> None:
    """All that the older version read from its own flash; numbers go on; with cuts on the way."""
    digest, figures = lines(repository, micropython, "old_format.py", HERE / flash)[-2:]
    assert digest == words
    count, first, last, cuts = (int(word) for word in figures.split())
    assert (count, first, last) == records
    assert cuts > 5


def test_a_journal_keeps_its_part_of_the_flash(repository: Path, micropython: str) -> None:
    """Whatever a later firmware would give to ECG: in a ring of another size no record is found,
    and boots would be counted anew."""
    journals, kept, cuts = run(repository, micropython, "division_check.py")
    assert journals == 2
    assert kept > 3000
    assert cuts > 3


def test_room_is_lent_to_an_update_and_had_back(repository: Path, micropython: str) -> None:
    """On a full flash, with the power going all along: what no host has stays, and so does an
    image that runs. HEARTLOG_LENDING=1 cuts at every operation."""
    step = int(os.environ.get("HEARTLOG_LENDING", "31"))
    operations, cuts = run(
        repository, micropython, "lending_check.py", step, 1 if step == 1 else 7
    )
    assert operations > 250
    assert cuts >= operations // step
