"""A module's functions as they are within its packed form, where a board can run them.

    for path, stream in placed(modules, code, at): ...  # `at`: where the first goes in the file

Deflate (RFC 1951, 3.2.4) knows blocks that are stored, not compressed. A module of a board that
runs code where it lies in flash is packed so: what comes before its first function compressed, all
from there on stored. To who unpacks it, it is deflate like any other.

The image is a file of a littlefs with blocks of 4096 bytes (its DESIGN.md, "CTZ skip-lists"): each
but the first begins with pointers, so the file's bytes have gaps on the chip. A function must not
be torn by one, and machine code must lie at a multiple of 4. Where it would not, stored blocks of
no bytes, five each, go before it; modules are put in an order in which few are wanted.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping

from heartlog.image.mpyfile import Function

BLOCK = 4096
LONGEST = BLOCK - 64  # of a function: with this it fits between any block's pointers and its end
_HEAD = 5  # a stored block's: three bits and what is left of the byte, length, its complement
_WORTH = 16  # bytes of a function that are worth one lost: long ones fit in few places
WINDOW_BITS = 11


def deflated(contents: bytes) -> bytes:
    """Contents as they are in an image file, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -WINDOW_BITS, 9)
    return packer.compress(contents) + packer.flush()


def begun(contents: bytes) -> bytes:
    """The same, left open at a byte's end: stored blocks may follow."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -WINDOW_BITS, 9)
    return packer.compress(contents) + packer.flush(zlib.Z_FULL_FLUSH)


def block_end(at: int) -> int:
    """Where the file's block ends that its byte `at` lies in.

    Block i > 0 begins with one pointer of 4 bytes for each power of two that divides i, 1 too.
    """
    end, number = BLOCK, 0
    while end <= at:
        number += 1
        end += BLOCK - 4 * (number & -number).bit_length()
    return end


def _stored(contents: bytes, last: bool) -> bytes:
    size = len(contents)
    return bytes((last,)) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")


def _fits(one: Function, at: int) -> bool:
    return not (one.machine and at % 4) and at + one.size <= block_end(at)


def stored(contents: bytes) -> bytes:
    """Contents as they are in an image file, not compressed: at most 65535 bytes."""
    return _stored(contents, True) + contents


def packed_head(contents: bytes, code: list[Function]) -> bytes:
    """What a module's packed form begins with; all of it when it has no function to be run."""
    return begun(contents[: code[0].at]) if code else deflated(contents)


def _with_code(head: bytes, contents: bytes, code: list[Function], at: int) -> bytes:
    """The module packed, at `at` of the image, with each function of `code` whole and in place."""
    if not code:
        return head
    out = head
    run = code[0].at  # where in the module the stored block begins that is not written yet
    for one in code:
        if _fits(one, at + len(out) + _HEAD + one.at - run):
            continue
        if one.at > run:
            out += _stored(contents[run : one.at], False) + contents[run : one.at]
            run = one.at
        while not _fits(one, at + len(out) + _HEAD):
            out += _stored(b"", False)
    return out + stored(contents[run:])


def placed(
    modules: Mapping[str, bytes],
    code: Mapping[str, list[Function]],
    at: int,
    plain: Collection[str] = (),
) -> Iterator[tuple[str, bytes]]:
    """The modules (path -> contents) packed one behind the other from `at` on, in an order in
    which little room is lost: of those that lose next to none the one with the longest function
    first, for short ones go in anywhere."""
    code = {path: code.get(path, []) for path in modules}
    heads = {
        path: stored(contents) if path in plain else packed_head(contents, code[path])
        for path, contents in modules.items()
    }
    least = {
        path: len(heads[path]) + (_HEAD + len(modules[path]) - code[path][0].at if found else 0)
        for path, found in code.items()
    }
    longest = {path: max((one.size for one in found), default=0) for path, found in code.items()}
    left = sorted(modules)
    while left:
        best, stream, least_cost = left[0], b"", 0
        for path in left:
            made = _with_code(heads[path], modules[path], code[path], at)
            cost = len(made) - least[path] - longest[path] // _WORTH
            if not stream or cost < least_cost:
                best, stream, least_cost = path, made, cost
        left.remove(best)
        yield best, stream
        at += len(stream)
