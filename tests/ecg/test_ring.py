"""The ring of packed ECG in RAM: every block that it says it has is whole, and the oldest go."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from heartlog._firmware.monitor.link import ecg

PROGRAM = """
import json, sys
sys.path.insert(0, %r)
from array import array
from binascii import hexlify
from monitor.ecgring import EcgRing

job = json.loads(sys.stdin.readline())
ring = EcgRing(job["size"], job["samples"])
out = []
for boot, channel, first, codes in job["adds"]:
    ring.add(boot, channel, first, array("i", codes), len(codes))
    if job["look"]:
        out.append((ring.first, ring.next))
ring.close()
ring.close()  # nothing is open any more
blocks = {}
for n in range(ring.first, ring.next):
    whole = ring.block(n)
    assert len(whole) == ring.size(n)
    pieces = b""
    piece = bytearray(7)
    while True:
        got = ring.read(n, len(pieces), piece)
        if not got:
            break
        pieces += bytes(piece[:got])
    assert pieces == whole
    blocks[n] = (hexlify(whole).decode(), ring.begins(n))
for n in (ring.first - 1, ring.next, ring.next + 300):
    assert ring.block(n) is None and ring.size(n) == 0 and ring.read(n, 0, piece) == 0
found = [ring.find(n) for n in (0, ring.first, ring.next - 1, ring.next + 9)]
assert found == [ring.first, ring.first, ring.next - 1, ring.next], found
print(json.dumps([out, ring.first, ring.next, blocks]))
"""
Job = Callable[[str, Any], Any]


def run(job: Job, size: int, samples: int, adds: list[Any], look: bool = False) -> Any:
    """-> (first, next) after each addition, first, next, {number: (head, codes, bytes)}"""
    request = {"size": size, "samples": samples, "adds": adds, "look": look}
    steps, first, following, blocks = job(PROGRAM, request)
    found = {}
    for number, (packed, (begins, count)) in sorted(blocks.items(), key=lambda b: int(b[0])):
        head, codes = ecg.head(bytes.fromhex(packed)), ecg.decode(bytes.fromhex(packed))
        assert (head[3], len(codes)) == (begins, count)
        found[int(number)] = (head, codes, len(packed) // 2)
    return steps, first, following, found


def test_blocks_end_where_the_index_jumps_or_the_channel_changes(firmware_job: Job) -> None:
    def count(n: int) -> list[int]:
        return list(range(n))

    adds = [
        (7, 0, 2**32 - 70, count(60)),
        (7, 0, 2**32 - 10, count(60)),  # the index goes on over its wrap
        (7, 0, 50, count(1)),
        (7, 0, 52, count(1)),  # one is missing
        (7, 1, 53, count(300)),  # another channel; more than a block at once
        (8, 1, 353, []),
        (8, 1, 400, count(5)),
    ]
    _, first, following, blocks = run(firmware_job, 20000, 100, adds)
    heads = [
        (h[2], h[1], h[3], h[4]) for h, _, _ in blocks.values()
    ]  # boot, channel, index, count
    assert (first, following) == (0, 7)
    assert sorted(heads) == sorted(
        [
            *[(7, 0, 2**32 - 70, 100), (7, 0, 30, 21), (7, 0, 52, 1)],
            *[(7, 1, 53, 100), (7, 1, 153, 100), (7, 1, 253, 100), (8, 1, 400, 5)],
        ]
    )
    assert blocks[0][1] == count(60) + count(40)
    assert blocks[1][1] == [*range(40, 60), 0]
    assert [c for n in (3, 4, 5) for c in blocks[n][1]] == count(300)


def test_the_oldest_go_and_the_others_are_whole(firmware_job: Job) -> None:
    """Blocks of all sizes, so that they end anywhere before the memory's end."""
    rng = random.Random(11)
    adds, truth = [], []
    for n in range(400):
        top = rng.choice((1, 40, 3000, 2**22))
        codes = [rng.randrange(-top, top) for _ in range(60)]
        adds.append((1, 0, 60 * n, codes))
        truth.append(codes)
    steps, first, following, blocks = run(firmware_job, 3000, 60, adds, look=True)
    assert following == 400
    assert sorted(blocks) == list(range(first, 400))
    for number, (_, codes, _) in blocks.items():
        assert codes == truth[number], number
    # An oldest one goes only for want of room: what is kept fills the memory but for two blocks.
    size = sum(size for _, _, size in blocks.values())
    assert 3000 - 2 * (ecg.HEAD + ecg.TAIL + 3 * 60) < size <= 3000
    assert all(b >= a for (a, _), (b, _) in pairwise(steps))


def test_more_small_blocks_than_there_are_places_for(firmware_job: Job) -> None:
    """A flat line packs to next to nothing: 256 blocks are kept, whatever the room."""
    adds = [(1, 0, 50 * n, [n] * 50) for n in range(600)]
    _, first, following, blocks = run(firmware_job, 60000, 50, adds)
    assert (first, following) == (344, 600)
    assert [codes for _, codes, _ in blocks.values()] == [[n] * 50 for n in range(344, 600)]


def test_a_ring_that_is_too_small_is_refused(firmware_job: Job) -> None:
    program = """
import json, sys
sys.path.insert(0, %r)
from monitor.ecgring import EcgRing
size = json.loads(sys.stdin.readline())
least = 0
while True:
    try:
        EcgRing(least, 50)
        break
    except ValueError as error:
        told = str(error)
        least += 1
print(json.dumps([least, told]))
"""
    least, told = firmware_job(program, 0)
    assert str(least) in told
    assert least >= 2 * (ecg.HEAD + 3 * 50 + ecg.TAIL)
