"""`python -m heartlog.image BOARD [--out DIR]`: build an image and print its size by module."""

import argparse
import sys
from pathlib import Path

from heartlog.errors import CommandError
from heartlog.image.build import ImageInfo, build_image, frozen_sources
from heartlog.image.slotfile import unpack


def table(info: ImageInfo) -> list[str]:
    """Lines of the size table, the largest module first: bytes in RAM's terms and packed."""
    data = info.archive.read_bytes()
    packed = unpack(data).packed
    lines = ["   bytes  packed  module"]
    for file in sorted(info.files, key=lambda f: -f.size):
        if file.path in packed:
            lines.append(f"{file.size:>8}{packed[file.path]:>8}  {file.path}")
    lines.append(f"{info.size:>8}{len(data):>8}  all of {len(packed)}, with the list of them")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m heartlog.image", description=__doc__)
    parser.add_argument("board", help="a folder of boards/, e.g. pico_w")
    parser.add_argument("--out", type=Path, help="where to put the image")
    parser.add_argument(
        "--frozen", action="store_true", help="lay out the sources for a frozen MicroPython build"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.frozen:
            print(frozen_sources(chosen.board, chosen.out))
            return 0
        info = build_image(chosen.board, chosen.out)
    except CommandError as error:
        print(f"{error}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    if not chosen.quiet:
        print("\n".join(table(info)))
        print(f"Heartlog {info.version} for {info.board} ({info.arch}), build {info.build}")
        print(f"{info.folder}\n{info.archive}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
