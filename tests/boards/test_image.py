"""The image builder: what it makes, twice the same, and what it says when it can't."""

import hashlib
import json
from pathlib import Path

import pytest

from heartlog._firmware.monitor.afe import parts
from heartlog.errors import CommandError
from heartlog.image import board_names, build_image, codemap, firmware_dir, load_image
from heartlog.image.__main__ import main
from heartlog.image.contents import modules_for
from heartlog.image.slotfile import unpack


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image("pico_w", tmp_path_factory.mktemp("images") / "pico_w").folder


def test_same_sources_give_the_same_bytes(image: Path, tmp_path: Path) -> None:
    again = build_image("pico_w", tmp_path / "elsewhere" / "again")
    first = load_image(image)
    assert again.build == first.build
    assert again.archive.read_bytes() == image.with_name("pico_w.img").read_bytes()
    assert (again.folder / "manifest.json").read_bytes() == (image / "manifest.json").read_bytes()


def test_manifest_names_every_file_with_its_hash(image: Path) -> None:
    manifest = json.loads((image / "manifest.json").read_text())
    listed = {file["path"]: file for file in manifest["files"]}
    on_disk = {p.relative_to(image).as_posix() for p in image.rglob("*") if p.is_file()}
    assert set(listed) == on_disk - {"manifest.json", "package.json"}
    for path, entry in listed.items():
        contents = (image / path).read_bytes()
        assert entry["size"] == len(contents)
        assert entry["sha256"] == hashlib.sha256(contents).hexdigest()
    assert (image / "main.py").read_bytes() == b"import start\n"


def test_one_file_holds_the_modules(image: Path) -> None:
    told = unpack(image.with_name("pico_w.img").read_bytes())
    info = load_image(image)
    assert (told.board, told.arch, told.build) == ("pico_w", "armv6m", info.build)
    assert set(told.files) == {f.path for f in info.files if f.path != "main.py"}
    for path, contents in told.files.items():
        assert contents == (image / path).read_bytes()


def test_a_stock_pico_w_has_the_memory_for_it(image: Path) -> None:
    """What it imports goes to a heap of 200 KB: with 166 KB of modules the emulated board of
    `test_emulated.py` has 73 KB left afterwards, some 30 KB of which stay. This holds the size
    where no MicroPython for that board is at hand; what is imported only when it is wanted does
    not count."""
    modules = unpack(image.with_name("pico_w.img").read_bytes()).files
    rare = {name.replace(".", "/") + ".mpy" for name in codemap.RARE}
    assert sum(len(data) for path, data in modules.items() if path not in rare) <= 166_000


def sources() -> set[str]:
    """The firmware's modules, as paths."""
    firmware = firmware_dir()
    return {
        source.relative_to(firmware).as_posix()
        for source in firmware.rglob("*.py")
        if source.name not in ("__init__.py", "main.py", "loader.py")
    }


def test_every_firmware_file_is_in_it_but_other_front_ends(image: Path, tmp_path: Path) -> None:
    left_out = {p for p in sources() if not (image / p).with_suffix(".mpy").is_file()}
    assert left_out == {
        *("monitor/afe/eight_channel.py", "monitor/afe/features_eight.py"),
        *("monitor/afe/ads1293.py", "monitor/afe/ads1293_map.py", "monitor/sampler_1293.py"),
        *("monitor/afe/probe.py", "monitor/resample.py", "monitor/selftest_1293.py"),
        "monitor/widen.py",  # 16-bit parts'
        "monitor/quality_words.py",  # for a prompt
        # It keeps no stored ECG (STRIPS).
        *("monitor/strips.py", "monitor/ecgflash.py", "monitor/ecgblocks.py", "monitor/card.py"),
    }
    # The virtual board takes any front end, has no PIO, and all its code in RAM.
    virtual = build_image("virtual", tmp_path / "virtual").folder
    left_out = {p for p in sources() if not (virtual / p).with_suffix(".mpy").is_file()}
    pio = {"monitor/sampler_pio.py", "monitor/pio_core.py"}
    assert left_out == pio | {"monitor/inplace.py"}


@pytest.mark.parametrize("part", [*parts.NAMES, "ADS1293"])
def test_a_board_has_the_modules_of_its_front_end(part: str, tmp_path: Path) -> None:
    board = tmp_path / "board.py"
    board.write_text(f"AFE = {part!r}\nSPI_PINS = PINS\n")
    wanted = modules_for(board)
    assert wanted("monitor/sampler_pio.py")
    families = {
        "two": wanted("monitor/afe/two_channel.py"),
        "eight": wanted("monitor/afe/eight_channel.py"),
        "1293": wanted("monitor/afe/ads1293.py"),
    }
    mine = "two" if part in parts.TWO_CHANNEL else "1293" if part == "ADS1293" else "eight"
    assert [name for name, there in families.items() if there] == [mine]
    assert wanted("monitor/widen.py") is part.startswith("ADS119")  # those of 16 bits


def test_damage_is_found(tmp_path: Path) -> None:
    info = build_image("pico_w", tmp_path / "image")
    victim = info.folder / "board.mpy"
    victim.write_bytes(victim.read_bytes()[:-1] + b"\0")
    with pytest.raises(CommandError, match=r"board\.mpy is not what the manifest says"):
        load_image(info.folder)
    again = build_image("pico_w", tmp_path / "again")
    again.archive.write_bytes(info.archive.read_bytes()[:-1])
    with pytest.raises(CommandError, match=r"again\.img is not what .* holds"):
        load_image(again.folder)


def test_unknown_board_and_foreign_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["no_such_board"]) == 3
    words = capsys.readouterr().err
    assert "no_such_board" in words
    assert all(name in words for name in board_names())
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(CommandError, match="left alone"):
        build_image("pico_w", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_mip_package_names_every_file(image: Path) -> None:
    """As `mpremote mip install` reads it: pairs of target and source, relative to the file."""
    package = json.loads((image / "package.json").read_text())
    assert package["deps"] == []
    for target, source in package["urls"]:
        assert target == source
        assert (image / source).is_file()
    assert ["start.mpy", "start.mpy"] in package["urls"]
