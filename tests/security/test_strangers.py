"""What strangers can do to a paired monitor by what they send: nothing, and not for long."""

import subprocess
from pathlib import Path

CHECK = Path(__file__).with_name("guard_check.py")


def test_a_thousand_tries_and_every_trick(repository: Path, micropython: str) -> None:
    """The firmware's own server, with a radio of two places: see the script, line by line.

    The rightful host is let in at its first try, at any moment; what is journalled and kept of the
    tries stays within some records and one write an hour."""
    done = subprocess.run(
        [micropython, "-X", "heapsize=16M", str(CHECK), str(repository / "firmware"), "1000"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    tries, rounds, told, saved = (int(word) for word in done.stdout.split()[-4:])
    assert tries == 1000
    assert rounds >= 20
    assert told < 40
    assert saved < 10
