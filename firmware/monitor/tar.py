"""Reads a tar archive (POSIX ustar, plain files only) from a file, piece by piece.

for name, size in members(f):        # f is left at the start of the member's contents
    ... read all, some or nothing of it ...
"""

BLOCK = 512
MOST_NAME = 99


class BadArchive(Exception):
    """What the archive is not, in a few words."""


def _octal(field):
    text = bytes(field).split(b"\0")[0].strip()
    if not text:
        raise BadArchive("empty number")
    number = 0
    for c in text:
        if not 0x30 <= c <= 0x37:
            raise BadArchive("number is not octal")
        number = number * 8 + c - 0x30
    return number


def _checksum(header):
    # POSIX.1-1988 ustar: the sum of the header's bytes with its own field taken as spaces.
    return sum(header) - sum(header[148:156]) + 8 * 0x20


def safe_name(name):
    """Whether a path stays below the folder that it is joined to."""
    if not name or len(name) > MOST_NAME or name[0] == "/":
        return False
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return False
        for c in part:
            if not ("a" <= c <= "z" or "A" <= c <= "Z" or "0" <= c <= "9" or c in "._-"):
                return False
    return True


def members(f):
    """Generator of (name, size in bytes); raises BadArchive."""
    at = 0
    header = bytearray(BLOCK)
    while True:
        f.seek(at)
        if f.readinto(header) != BLOCK:
            raise BadArchive("cut off")
        if header[0] == 0:
            return  # two empty blocks end an archive
        if header[257:262] != b"ustar":
            raise BadArchive("no ustar header")
        if _octal(header[148:156]) != _checksum(header):
            raise BadArchive("header's sum differs")
        if header[156] not in b"0\0":
            raise BadArchive("not a plain file")
        try:
            name = bytes(header[:100]).split(b"\0")[0].decode()
        except UnicodeError:
            raise BadArchive("name is not text")
        if not safe_name(name):
            raise BadArchive("name leads elsewhere")
        size = _octal(header[124:136])
        yield name, size
        at += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
