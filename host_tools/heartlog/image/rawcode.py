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

    Block i > 0 begins with one pointer of 4 bytes for each power of two that divides i, 1 too: two
    a block on the mean, and before block i 2 i - popcount(i) (littlefs: `lfs_ctz_index`, lfs.c).
    """
    usual = BLOCK - 8
    number = at // usual
    if number:
        number = (at - 4 * ((number - 1).bit_count() + 2)) // usual
    within = at - number * usual - 4 * number.bit_count()
    return at - within + BLOCK


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


def least_size(head: bytes, contents: bytes, code: list[Function]) -> int:
    """The bytes of a module packed where each of its functions is in place by itself."""
    return len(head) + (_HEAD + len(contents) - code[0].at if code else 0)


def with_code(head: bytes, contents: bytes, code: list[Function], at: int) -> bytes:
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
    which little room is lost.

    Each turn places the module whose functions are hardest to place among those left, behind that
    one of the others which makes both lose least: so the hard ones have the most to choose from,
    and what has no function at all, which lies anywhere for nothing, is there to the last. All
    together lose at most a few hundred bytes more than each would by itself where it lies best."""
    code = {path: code.get(path, []) for path in modules}
    heads = {
        path: stored(contents) if path in plain else packed_head(contents, code[path])
        for path, contents in modules.items()
    }

    def made(path: str, at: int) -> tuple[int, bytes]:
        """The bytes that a module loses at `at`, and the module packed for there."""
        stream = with_code(heads[path], modules[path], code[path], at)
        return len(stream) - least_size(heads[path], modules[path], code[path]), stream

    # A block's end tears a function the likelier, and costs the more, the longer it is.
    left = sorted(modules, key=lambda path: (-sum(one.size**2 for one in code[path]), path))
    while left:
        lost, stream = made(left[0], at)
        chosen = [(left[0], stream)]
        for path in left[1:] if lost else ():
            lost_before, before = made(path, at)
            if lost_before < lost:
                lost_then, stream = made(left[0], at + len(before))
                if lost_before + lost_then < lost:
                    lost = lost_before + lost_then
                    chosen = [(path, before), (left[0], stream)]
        for path, stream in chosen:
            left.remove(path)
            at += len(stream)
        yield from chosen
