"""Builds the firmware image of a board: precompiled files, a manifest of their hashes, and all
of it packed into the one file that a board keeps.

    from heartlog.image import build_image

    info = build_image("pico_w")
    print(info.folder, info.version, info.size)

The same sources give the same image, byte for byte, on any computer: no time, no path and no
order of the file system goes into it.
"""

from heartlog.image.build import ImageFile, ImageInfo, build_image, load_image
from heartlog.image.places import board_names, boards_dir, firmware_dir

__all__ = [
    "ImageFile",
    "ImageInfo",
    "board_names",
    "boards_dir",
    "build_image",
    "firmware_dir",
    "load_image",
]
