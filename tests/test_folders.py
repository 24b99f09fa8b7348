"""What tests write without naming a store or keys reaches nobody's own."""

import os
import shutil
from pathlib import Path

from .conftest import Run


def test_a_test_writes_nothing_into_its_users_home(heartlog: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    mine = {"HOME": str(home), "HEARTLOG_PASSPHRASE": "correct horse battery staple"}
    for command in (
        ("patients", "add", "P-0042"),
        ("keys", "recovery"),
        ("sheet", str(tmp_path / "sheet.pdf"), "--clinic", "Clinic", "--remember"),
    ):
        done = heartlog(*command, **mine)
        assert done.returncode == 0, done.stdout + done.stderr
    # Libraries may make caches there; nothing is ours.
    assert list(home.rglob("*heartlog*")) == []
    assert [p for p in home.rglob("*") if p.is_file() and ".cache" not in p.parts] == []
    for variable in ("HEARTLOG_STORE", "HEARTLOG_KEYS", "HEARTLOG_CLINIC"):
        assert Path(os.environ[variable]).exists(), f"{variable} was written to instead"
    shutil.rmtree(os.environ["HEARTLOG_KEYS"])  # no other test knows the passphrase
