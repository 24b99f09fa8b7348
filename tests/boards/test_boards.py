"""Every board's folder has the same shape, and its pages say what its description says."""

import ast
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from heartlog.errors import CommandError, NotFound
from heartlog.image import board_names, boards_dir
from heartlog.image.board import load_board
from heartlog.image.boards import listing, main
from heartlog.image.build import frozen_sources
from heartlog.image.pages import page_with
from heartlog.image.places import firmware_dir
from heartlog.image.wiring import wiring_svg

SCHEMA = json.loads((boards_dir() / "schema" / "board.schema.json").read_text())
REAL = [name for name in board_names() if name != "virtual"]
BUS = {"SCK", "MOSI", "MISO", "CS", "DRDY", "RESET"}


def assigned(name: str) -> dict[str, Any]:
    """The literal module-level values of a board's board.py."""
    return constants((boards_dir() / name / "board.py").read_text())


def constants(source: str) -> dict[str, Any]:
    """The literal module-level values of a board.py, and the names of its functions."""
    tree = ast.parse(source)
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    values["functions"] = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    return values


def test_the_six_boards_are_there() -> None:
    asked = {"pico_w", "pico2_w", "esp32_s3", "esp32_c3", "nucleo_wb55", "nano_rp2040_connect"}
    assert asked <= set(REAL)


@pytest.mark.parametrize("name", board_names())
def test_description_fits_the_schema(name: str) -> None:
    told = json.loads((boards_dir() / name / "board.json").read_text())
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(told, SCHEMA)
    assert told["name"] == name
    assert load_board(name).title == told["title"]


@pytest.mark.parametrize("name", REAL)
def test_pins_are_told_once_and_alike(name: str) -> None:
    board, code = load_board(name), assigned(name)
    assert code["PINS"] == {pin.name: pin.pin for pin in board.pins}
    assert set(code["PINS"]) >= BUS
    used = [pin.pin for pin in board.pins]
    places = [pin.at for pin in board.pins if pin.at != "on the board"]
    assert len(set(used)) == len(used), "one pin wired twice"
    assert len(set(places)) == len(places), "one place wired twice"
    assert code["NAME"] == name
    assert code["ROOT"] == board.root
    assert code["HARD_IRQ"] is (board.sampler["drdy"] == "hard_irq")
    needed = {"pin", "spi", "battery_millivolts", "journal_device", "flash_device"}
    assert code["functions"] >= needed


@pytest.mark.parametrize("name", REAL)
def test_pages_are_up_to_date(name: str) -> None:
    board, folder = load_board(name), boards_dir() / name
    page = (folder / "README.md").read_text()
    assert page_with(board, page) == page, "run `make boards`"
    assert (folder / "wiring.svg").read_text() == wiring_svg(board), "run `make boards`"
    assert page.startswith(f"# {board.title}\n")
    assert "Never wear" in page


@pytest.mark.parametrize("name", REAL)
def test_drawing_shows_every_wire(name: str) -> None:
    board = load_board(name)
    root = ElementTree.fromstring(wiring_svg(board))
    words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    lines = list(root.iter("{http://www.w3.org/2000/svg}line"))
    assert len(lines) == len(board.pins) + len(board.supply)
    for pin in board.pins:
        assert pin.name in words
        assert pin.at in words


@pytest.mark.parametrize("name", REAL)
def test_frozen_build_finds_its_files(name: str, tmp_path: Path) -> None:
    """The manifest's own words, run: what it freezes is what the image builder lays out."""
    included: list[str] = []
    frozen: list[str] = []
    text = (boards_dir() / name / "manifest.py").read_text()
    exec(text, {"include": included.append, "freeze": frozen.append})
    assert [path.startswith("$(PORT_DIR)/boards/") for path in included] == [True]
    assert frozen == [f"../../build/frozen-{name}"]
    folder = frozen_sources(name, tmp_path / "frozen")
    laid = {p.relative_to(folder).as_posix() for p in folder.rglob("*.py")}
    assert {"board.py", "image_info.py"} <= laid
    for source in (folder / "monitor").rglob("*.py"):
        origin = firmware_dir() / source.relative_to(folder)
        assert source.read_bytes() == origin.read_bytes()


@pytest.mark.parametrize("name", REAL)
def test_rig_limits_make_sense(name: str) -> None:
    board = load_board(name)
    assert {rail.name for rail in board.rails} == {"battery", "3V3", "AVDD", "VREF", "RLD"}
    inputs = [(rail.chip, rail.channel) for rail in board.rails]
    assert len(set(inputs)) == len(inputs)
    for rail in board.rails:
        assert rail.least_mv < rail.most_mv
        # The converter's input must not rise above its own 3.3 V supply.
        assert rail.most_mv / rail.divider < 3300


def test_listing_names_every_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == board_names()
    assert listing([]).split()[0] == "BOARD"


def test_errors_name_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half").mkdir()
    description = tmp_path / "half" / "board.json"
    monkeypatch.setattr("heartlog.image.places.boards_dir", lambda: tmp_path)
    monkeypatch.setattr("heartlog.image.board.boards_dir", lambda: tmp_path)
    description.write_text('{"name": "half", "title": "Half a board"}')
    with pytest.raises(CommandError, match="lacks the key 'micropython'"):
        load_board("half")
    description.write_text("{")
    with pytest.raises(CommandError, match="not JSON"):
        load_board("half")
    told = json.loads((boards_dir() / "pico_w" / "board.json").read_text())
    told["flash"]["slots"] = "many"
    description.write_text(json.dumps(told))
    with pytest.raises(CommandError, match="can't be used"):
        load_board("half")
    with pytest.raises(NotFound, match="no board called 'other'"):
        load_board("other")
