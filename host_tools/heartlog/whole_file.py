"""Files that are there whole or not at all.

with whole(path) as partial:
    partial.write_bytes(data)      # becomes `path` at the end; an error leaves nothing behind
with whole_files(folder) as partial:
    write_several(partial)         # each goes into `folder` at the end, or none does
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the name under which to write what will be `path`; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (str(partial), partial):
            error.filename = str(path)  # what the person named
        raise


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Give an empty folder in which to write what will lie in `folder` (made if need be)."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        aside = tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".part")
    except OSError as error:
        error.filename = str(folder)  # what the person named
        raise
    with aside as name:
        yield Path(name)
        for made in sorted(Path(name).iterdir()):
            made.replace(folder / made.name)
