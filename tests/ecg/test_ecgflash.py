"""ECG in flash and on a card: whatever the power does, what was written is there and right."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGER = int(os.environ.get("HEARTLOG_CUTS", "1"))
"""How many times as long the power cuts go on; for many more than the suite has time for."""


def run(repository: Path, micropython: str, script: str, *arguments: object) -> list[int]:
    """Runs a script in MicroPython; the numbers of its last line."""
    command = [micropython, "-X", "heapsize=32M", str(HERE / script)]
    command += [str(repository / "firmware"), str(repository / "boards" / "virtual")]
    done = subprocess.run(
        command + [str(a) for a in arguments], capture_output=True, text=True, timeout=3000
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    return [int(word) for word in done.stdout.split("\n")[-2].split()]


@pytest.mark.parametrize(
    ("kind", "seed", "blocks"), [("fenced", 1, 5), ("flash", 3, 4), ("card", 2, 4)]
)
def test_power_cut_at_every_operation(
    kind: str, seed: int, blocks: int, repository: Path, micropython: str
) -> None:
    count = 220 * LONGER
    (
        cuts,
        again,
        checked,
        *_,
    ) = run(repository, micropython, "cuts.py", kind, seed, blocks, count)
    assert cuts > count // 2
    assert again > 10
    assert checked > 20 * count


@pytest.mark.parametrize(
    ("rate", "strip", "cut"), [(125, 90, 64), (250, 90, 64), (500, 86, 60), (1000, 65, 40)]
)
def test_what_is_kept_and_told_at_every_rate(
    rate: int, strip: int, cut: int, repository: Path, micropython: str
) -> None:
    """Strips without one erase, cut ones told truly, whole ECG only into what is erased.

    Before an event the RAM holds 45 s at up to 250 samples/s; at 1000 it holds 20 s.
    """
    command = [micropython, "-X", "heapsize=32M", str(HERE / "strips_check.py")]
    command += [str(repository / "firmware"), str(repository / "boards" / "virtual"), str(rate)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    told = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert int(told["whole_strip"][0]) >= strip
    assert int(told["cut_strip"][0]) >= cut
    assert int(told["whole_ecg"][1]) >= strip


def test_a_wiped_monitor_overwrites_its_card(repository: Path, micropython: str) -> None:
    """Power cuts, a new owner's session, a card pulled out: nothing of the old owner's is left."""
    cuts, most = run(repository, micropython, "wipe_check.py")
    assert cuts > 30
    assert most <= 3, "a boot goes on nearly where the one before was"
