"""Functions that run from where they lie in flash: what that leaves in RAM, and that they work."""

import json
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.image import codemap, rawcode, slotfile
from heartlog.image.build import compile_all
from heartlog.image.compile import compile_text
from heartlog.image.mpyfile import Function, functions
from heartlog.image.places import firmware_dir
from heartlog.image.slim import slimmed

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A Pico W's modules, compiled for this computer, with the map of their code."""
    files = compile_all("pico_w", "x64")
    info = b"VERSION = '0'\nBOARD = 'pico_w'\nARCH = 'x64'\nBUILD = '0123456789abcdef'\n"
    return files | {"image_info.mpy": compile_text(info, "x64", "image_info.py")}


@pytest.fixture(scope="module")
def mapped(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as an image file."""
    out = tmp_path_factory.mktemp("mapped") / "a.img"
    told = {"board": "pico_w", "arch": "x64", "version": "0", "build": "0123456789abcdef"}
    out.write_bytes(slotfile.pack(files, **told))
    return out


@pytest.fixture
def run(mapped: Path, micropython: str, repository: Path, tmp_path: Path) -> Run:
    def go(move: bool = True, before: str = "") -> dict[str, Any]:
        told = {
            "image": str(mapped),
            "flash": str(tmp_path / "flash.bin"),
            "loader": str(repository / "firmware" / "loader.py"),
            "move": move,
            "before": before,
        }
        (tmp_path / "told.json").write_text(json.dumps(told))
        program = Path(__file__).parent / "onboard" / "in_place.py"
        done = subprocess.run(
            [micropython, "-X", "heapsize=4m", str(program), str(tmp_path / "told.json")],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    return go


# What the monitor's modules take of the heap where a word has eight bytes: half of it with four.
MOST_HEAP = 192_000


def test_what_is_moved_is_freed_and_works(run: Run, tmp_path: Path) -> None:
    stays = run(move=False)
    (tmp_path / "flash.bin").unlink()
    first = run()
    print(stays, first)
    assert stays["records"] == first["records"] == 200
    assert stays["moved"] == stays["operations"] == 0
    assert first["operations"] == 0  # it runs from the file as it came
    assert first["heap"] < stays["heap"] - first["moved"]
    assert first["heap"] < MOST_HEAP


@pytest.mark.parametrize("before", ["again", "twice"])
def test_it_runs_from_no_copy_of_the_image(run: Run, before: str) -> None:
    """The same bytes may lie elsewhere: in the other slot, or in blocks that are free."""
    said = run(before=before)
    assert (said["records"], said["operations"]) == (200, 0)
    again = run()
    assert (again["moved"], again["records"], again["operations"]) == (said["moved"], 200, 0)


def least_lost(contents: bytes, code: list[Function]) -> int:
    """What a module loses to the blocks' ends by itself, where it lies best."""
    if max((one.size for one in code), default=0) < 256:
        return 0
    head = rawcode.packed_head(contents, code)
    size = rawcode.least_size(head, contents, code)
    block = rawcode.block_end(10 * rawcode.BLOCK)
    ends = [one.at + one.size - code[0].at + len(head) for one in code]  # or some bytes behind
    places = [block - end - behind for end in (0, *ends) for behind in range(4, 24, 2)]
    return min(len(rawcode.with_code(head, contents, code, at)) - size for at in places)


MOST_LOST = 512  # bytes by all modules together, more than each by itself where it lies best


def check_placed(
    files: dict[str, bytes], code: dict[str, list[Function]], packed: dict[str, bytes], at: int
) -> None:
    """Each function lies in the packed file as it is, whole within a block, machine code at a
    multiple of 4; and the file is hardly longer for it."""
    lost = least = 0
    for path, stream in packed.items():
        assert zlib.decompress(stream, -rawcode.WINDOW_BITS) == files[path]
        found = 0
        for one in code.get(path, []):
            found = stream.index(files[path][one.at : one.at + one.size], found)
            assert not (one.machine and (at + found) % 4), path
            assert at + found + one.size <= rawcode.block_end(at + found), path
            found += one.size
        if code.get(path):
            head = rawcode.packed_head(files[path], code[path])
            lost += len(stream) - rawcode.least_size(head, files[path], code[path])
            least += least_lost(files[path], code[path])
        at += len(stream)
    assert 0 <= lost <= least + MOST_LOST


def test_no_function_is_torn_by_a_block_of_the_flash(
    files: dict[str, bytes], mapped: Path
) -> None:
    data = mapped.read_bytes()
    end = int(data[14:20]) + slotfile.FIRST_LINE
    packed, places = {}, []
    for line in data[:end].decode().splitlines()[2:]:
        path, place, size, _ = line.split()
        places.append(int(place))
        packed[path] = data[int(place) : int(place) + int(size)]
    assert places[0] == end
    assert len(packed) == len(places)
    check_placed(files, codemap.code_of(files), packed, end)
    end = 0
    for number in range(600):
        pointers = (number & -number).bit_length()
        end, begin = end + 4096 - 4 * pointers, end
        assert rawcode.block_end(begin) == rawcode.block_end(end - 1) == end


@pytest.mark.parametrize("seed", [2, 3, 7, 14])
def test_little_is_lost_to_the_blocks_whatever_the_sizes(
    files: dict[str, bytes], seed: int
) -> None:
    """The same modules with functions that are longer and shorter by turns."""
    random = Random(seed)
    changed, code = {}, {}
    for path, found in ({path: [] for path in files} | codemap.code_of(files)).items():
        factor, out, at, code[path] = random.uniform(0.4, 1.2), b"", 0, []
        for one in found:
            body = files[path][one.at : one.at + one.size]
            body = (body * 2)[: min(max(6, int(one.size * factor)), rawcode.LONGEST)]
            out += files[path][at : one.at]
            code[path].append(replace(one, at=len(out), size=len(body)))
            out, at = out + body, one.at + one.size
        changed[path] = out + files[path][at:]
    begin = random.randrange(4000, 8000)
    packed = list(rawcode.placed(changed, code, begin))
    assert len(packed) == len(changed)
    check_placed(changed, code, dict(packed), begin)
    if seed == 3:
        shuffled = {path: changed[path] for path in random.sample(sorted(changed), len(changed))}
        assert packed == list(rawcode.placed(shuffled, code, begin))


def test_the_map_names_each_module_after_those_it_needs(files: dict[str, bytes]) -> None:
    order = codemap.order(files)
    assert order[-1] == codemap.FIRST
    assert len(order) == len(set(order)) > 60
    assert order.index("monitor.link.wire") < order.index("monitor.journal")
    assert order.index("monitor.detector.core") < order.index("monitor.acquire")
    assert not codemap.RARE & set(order)


def test_functions_lie_where_the_file_says(files: dict[str, bytes]) -> None:
    for path, data in files.items():
        if not path.endswith(".mpy"):
            continue
        found = functions(data)
        assert found, path
        assert max(one.at + one.size for one in found) <= len(data), path
        assert all(one.size > 0 for one in found)
        for size in range(0, len(data), 97):
            with pytest.raises(ValueError, match="mpy"):
                functions(data[:size])


def test_what_a_board_does_not_read_is_left_out() -> None:
    """Numbers are written out as they are; tables keep what a board goes by."""
    sources = {
        path.relative_to(firmware_dir()).as_posix(): path.read_bytes()
        for path in firmware_dir().rglob("*.py")
    }
    slim = slimmed(sources)
    assert b"wire.SYNC," in sources["monitor/commands.py"]
    assert b"record_at(sample, %d," % wire.SYNC in slim["monitor/commands.py"]
    assert all(b"wire.OK" not in text for text in slim.values())
    space: dict[str, Any] = {"__name__": "heartlog._firmware.monitor.link.slim"}
    exec(
        slim["monitor/link/wire.py"].replace(b"from .", b"from heartlog._firmware.monitor.link."),
        space,
    )
    assert space["SIZE"] == wire.SIZE
    assert space["OPERAND_SIZE"] == wire.OPERAND_SIZE
    assert {kind: row[1] for kind, row in space["RECORDS"].items()} == {
        kind: row[1] for kind, row in wire.RECORDS.items()
    }
    assert "COMMANDS" not in space
    assert b"Call the clinic" not in slim["monitor/patterns.py"]
