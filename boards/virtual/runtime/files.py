"""What the firmware gets as `os`: files as on a board, and random bytes that repeat.

`urandom` is drawn from the board's seed, its id and its boot, so that a run can be repeated byte
for byte; a board's is drawn from noise. What only a computer's `os` has is left out.
"""

import hashlib
from os import (  # noqa: F401  # noqa: F401
    VfsFat,
    VfsLfs2,
    chdir,
    getcwd,
    ilistdir,
    listdir,
    mkdir,
    mount,
    remove,
    rename,
    rmdir,
    stat,
    statvfs,
    umount,
    unlink,
)

sep = "/"
_seed = b""
_count = 0


def seed(data):
    """Called by the boot program."""
    global _seed
    _seed = data


def urandom(n):
    """`n` random bytes."""
    global _count
    data = b""
    while len(data) < n:
        _count += 1
        data += hashlib.sha256(_seed + _count.to_bytes(8, "little")).digest()
    return data[:n]


def sync():
    pass


def uname():
    return ("rp2", "rp2", "1.29.0", "virtual", "Heartlog's virtual board")
