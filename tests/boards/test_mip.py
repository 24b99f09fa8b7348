"""The other ways onto a board: `mpremote mip install`, and a frozen build's manifest."""

import ast
import functools
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.device.repl import Repl, reopen
from heartlog.image import ImageInfo, board_names, boards_dir
from heartlog.image.board import load_board
from heartlog.image.build import frozen_sources

from .deskboard import DeskBoard
from .test_boards import assigned, constants


@pytest.fixture
def served(x64_image: ImageInfo) -> Iterator[str]:
    """The image's folder on an HTTP server, as a department would publish it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    handler = functools.partial(Quiet, directory=str(x64_image.folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_mpremote_installs_the_package(
    served: str, x64_image: ImageInfo, tmp_path: Path, micropython: str, repository: Path
) -> None:
    """mpremote's own mip, from a server that is here, onto a MicroPython behind a cable."""
    with DeskBoard(tmp_path, micropython, repository) as desk:
        with reopen(desk.port):
            pass  # it is up
        command = [sys.executable, "-m", "mpremote", "connect", desk.port]
        command += ["resume", "mip", "install", "--target", "/", f"{served}/package.json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        with Repl(desk.port) as repl:
            found = repl.hashes([f"/{file.path}" for file in x64_image.files])
            assert found == [file.sha256 for file in x64_image.files]
            told = repl.value("(i.VERSION, i.BOARD)", "import image_info as i")
    assert told == (x64_image.version, "virtual")


@pytest.mark.parametrize("name", [n for n in board_names() if n != "virtual"])
def test_frozen_sources_are_what_the_manifest_freezes(name: str, tmp_path: Path) -> None:
    """The folder that manifest.py names holds the whole firmware, and the board's own file."""
    folder = frozen_sources(name, tmp_path / f"frozen-{name}")
    frozen = (folder / "board.py").read_text()
    assert frozen.startswith((boards_dir() / name / "board.py").read_text())
    board = load_board(name)
    assert constants(frozen) == assigned(name) | board.frozen.get("board", {})
    assert (folder / "monitor" / "app.py").is_file()
    assert ast.parse((folder / "image_info.py").read_text())
    assert json.loads((folder / "manifest.json").read_text()) == {}
    manifest = (boards_dir() / name / "manifest.py").read_text()
    assert f"frozen-{name}" in manifest
    # Where stock builds keep what they freeze themselves: rp2's boards have a manifest each.
    stock = f"boards/{board.build}/manifest.py" if board.port == "rp2" else "boards/manifest.py"
    assert f'include("$(PORT_DIR)/{stock}")' in manifest
