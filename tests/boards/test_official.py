"""Official MicroPython files: found, fetched, held to their hashes; from a local server."""

import dataclasses
import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.device.cli import micropython
from heartlog.device.official import check_trust, newest, official
from heartlog.errors import CommandError
from heartlog.image.board import Official, load_board

from .test_micropython_files import dfuse, uf2

NANO, PICO, WB55 = (load_board(n) for n in ("nano_rp2040_connect", "pico_w", "nucleo_wb55"))
BUILD = "ARDUINO_NANO_RP2040_CONNECT"
PAGE = f"""
<a href="/resources/firmware/{BUILD}-20260901-v1.30.0-preview.12.uf2">preview</a>
<a href="/resources/firmware/{BUILD}-20240602-v1.23.0.uf2">old</a>
<a href="/resources/firmware/{BUILD}-20260406-v1.28.0.uf2">v1.28.0</a>
<a href="/resources/firmware/{BUILD}-20260824-v1.29.0.uf2">v1.29.0</a>
<a href="/resources/firmware/{BUILD}-20260824-v1.29.0.elf">elf</a>
<a href="/resources/firmware/{BUILD}_OTHER-20270824-v1.31.0.uf2">another board</a>
"""
NEWEST = f"{BUILD}-20260824-v1.29.0.uf2"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """An HTTP server with a download page and a file, as micropython.org has them."""
    root = tmp_path / "site"
    (root / "download" / BUILD).mkdir(parents=True)
    (root / "download" / BUILD / "index.html").write_text(PAGE)
    (root / "resources" / "firmware").mkdir(parents=True)
    (root / "resources" / "firmware" / NEWEST).write_bytes(uf2(0xE48BFF56))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    serve = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))
    )
    thread = threading.Thread(target=serve.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serve.server_port}"
    serve.shutdown()
    serve.server_close()
    thread.join()


def test_the_newest_release_is_found() -> None:
    assert newest(NANO, PAGE) == NEWEST
    with pytest.raises(CommandError, match=r"no release of NUCLEO_WB55 from 1\.28\.0 on"):
        newest(WB55, PAGE)


def test_a_file_is_downloaded_once_and_noted(site: str, tmp_path: Path) -> None:
    folder, lock = tmp_path / "cache", tmp_path / "lock.json"
    said: list[str] = []
    path = official(NANO, site=site, folder=folder, say=said.append)
    assert path.name == NEWEST
    assert len(said) == 1
    assert official(NANO, site=site, folder=folder, say=said.append) == path
    assert len(said) == 1, "it was there already"
    assert "first time" in check_trust(NANO, path, lock)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert json.loads(lock.read_text()) == {NEWEST: digest}
    assert "noted" in check_trust(NANO, path, lock)
    path.write_bytes(uf2(0xE48BFF56, 4))
    with pytest.raises(CommandError, match="is not what it was") as caught:
        check_trust(NANO, path, lock)
    assert "nothing was written" in caught.value.hint


def test_a_pinned_file_must_be_the_pinned_one(site: str, tmp_path: Path) -> None:
    right = hashlib.sha256(uf2(0xE48BFF56)).hexdigest()
    pinned = dataclasses.replace(NANO, official=Official(NEWEST, right, 2))
    path = official(pinned, site=site, folder=tmp_path / "cache")
    assert "2 others measured the same" in check_trust(pinned, path, tmp_path / "lock.json")
    assert not (tmp_path / "lock.json").exists()
    other = dataclasses.replace(NANO, official=Official(NEWEST, "0" * 64, 2))
    with pytest.raises(CommandError, match="not the file that is pinned"):
        official(other, site=site, folder=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_what_can_go_wrong_with_a_download(site: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="could not be fetched") as caught:
        official(WB55, site=site, folder=tmp_path)
    assert "name the file" in caught.value.hint
    with pytest.raises(CommandError, match="could not be fetched"):
        official(PICO, site="http://127.0.0.1:9", folder=tmp_path)
    with pytest.raises(CommandError, match="no https address"):
        official(NANO, site="ftp://example.org", folder=tmp_path)
    with pytest.raises(CommandError, match="another way"):
        official(load_board("virtual"), site=site, folder=tmp_path)
    lock = tmp_path / "lock.json"
    lock.write_text("{")
    file = tmp_path / "x.dfu"
    file.write_bytes(dfuse())
    with pytest.raises(CommandError, match="can't be read"):
        check_trust(WB55, file, lock)


def test_the_command_writes_what_it_downloaded(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("heartlog.device.official.user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr("heartlog.device.official.user_data_path", lambda _: tmp_path / "data")
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nBoard-ID: RPI-RP2\n")
    micropython("nano_rp2040_connect", site=site, download_only=True)
    assert not (drive / NEWEST).exists()
    micropython("nano_rp2040_connect", site=site, drive=drive)
    assert (drive / NEWEST).read_bytes() == uf2(0xE48BFF56)
    assert "Wrote" in capsys.readouterr().out


def test_pins_name_the_boards_own_build() -> None:
    for name in ("pico_w", "pico2_w", "esp32_s3", "esp32_c3"):
        board = load_board(name)
        assert board.official is not None
        page = f'<a href="/resources/firmware/{board.official.file}">'
        assert newest(board, page) == board.official.file
