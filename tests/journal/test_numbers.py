"""What the journal says of its own numbers: dropped, acknowledged, waiting."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = str(Path(__file__).parent)
PROGRAM = """
import json, sys
sys.path[:0] = [%r, "HERE"]
from struct import unpack_from
from monitor.journal import Journal
from monitor.link import wire
from monitor.media import RamMedia
from reading import kept

class Flash(RamMedia):
    refuses = ()
    bad = None  # a block that is never erased
    erases = 0

    def program(self, block, page, image):
        if "program" in self.refuses:
            raise OSError(5)
        super().program(block, page, image)

    def erase(self, block):
        self.erases += 1
        if "erase" in self.refuses or block == self.bad:
            raise OSError(5)
        super().erase(block)

media = Flash(4)
for block in range(4):
    media.erase(block)
journal = Journal(media, lambda: 7)
journal.mount()
job = json.loads(sys.stdin.readline())
out = []

for what, value in job:
    if what == "append":
        for _ in range(value):
            journal.append(25, b"record %%06d" %% journal.next_seq, 13)
            if journal.next_seq %% 20 == 0:
                journal.flush()
                journal.step(0)
    elif what == "one":  # a record a second, and the turns of the loop between
        for _ in range(value):
            journal.append(25, b"record %%06d" %% journal.next_seq, 13)
            journal.step(0)
    elif what == "refuses": media.refuses = value
    elif what == "bad": media.bad = value
    elif what == "erases": out.append(media.erases)
    elif what == "numbers": out.append([journal.next_seq, journal.flushed_seq])
    elif what == "flush": journal.flush()
    elif what == "boot":
        if value == "rotten":  # no page can be read any more, what stands before each block can
            for block in range(4):
                for page in range(16):
                    at = block * 4096 + page * 256 + (0 if page else 32)
                    if media._data[at] != 0xFF:
                        media._data[at : at + 16] = bytes(16)
        journal = Journal(media, lambda: 8)
        out.append([journal.mount()[1], journal.next_seq, journal.journal])
    elif what == "acknowledge": out.append([journal.acknowledge(value), journal.acked])
    elif what == "waiting": out.append(journal.waiting)
    elif what == "kept":
        found = kept(journal)
        told = sorted(unpack_from("<II", body, 4) for kind, body in found.values()
                      if kind == wire.DROPPED)
        out.append([min(found), max(found), len(found), told, journal.losses.count,
                    journal.first_seq])
print(json.dumps(out))
"""


@pytest.fixture
def live(firmware_job: Callable[[str, Any], Any]) -> Callable[..., list[Any]]:
    """Does so much with a journal of four blocks; what it was asked for on the way."""

    def run(*job: tuple[str, Any]) -> list[Any]:
        found: list[Any] = firmware_job(PROGRAM.replace("HERE", HERE), job)
        return found

    return run


def test_what_had_to_go_unfetched_is_told_to_the_number(live: Any) -> None:
    """The oldest went before their DROPPED record was made: those that are left join up."""
    (found,) = live(("append", 3000), ("flush", 0), ("kept", 0))
    first, last, count, told, dropped, first_seq = found
    assert first == first_seq > 1
    assert count == last - first + 1, "none is missing between"
    assert dropped == first - 1
    ranges = [(a, a + n) for a, n in told]
    assert len(ranges) > 1
    assert [b for _, b in ranges[:-1]] == [a for a, _ in ranges[1:]], "no number twice, none left"
    assert ranges[-1][1] == first


def test_what_was_acknowledged_goes_without_a_word(live: Any) -> None:
    work = [w for n in range(200, 3001, 200) for w in (("append", 200), ("acknowledge", n))]
    *said, (_, _, _, told, dropped, _) = live(*work, ("flush", 0), ("kept", 0))
    assert (told, dropped) == ([], 0)
    assert said == [[True, n] for n in range(200, 3001, 200)]


def test_an_acknowledgement_takes_nothing_back(live: Any) -> None:
    said = live(("append", 50), *[("acknowledge", n) for n in (30, 10, 0, 50, 51, 2**32 - 1, 40)])
    assert said == [[True, 30], [True, 30], [True, 30], [True, 50], [False, 50], [False, 50],
                    [True, 50]]  # fmt: skip


def test_whether_something_waits_for_the_flash_is_known(live: Any) -> None:
    said = live(("waiting", 0), ("append", 1), ("waiting", 0), ("flush", 0), ("waiting", 0))
    assert said == [False, True, False]


@pytest.mark.parametrize("refuses", [["program"], ["erase"], ["program", "erase"]])
def test_flash_that_refuses_everything_is_told_once(live: Any, refuses: list[str]) -> None:
    """A record of each loss would be lost itself, and be the next one's reason. Blocks that were
    ready, and room in the open one, are used first where only an erase is refused."""
    before, during, (found_first, last, count, told, dropped, _) = live(
        ("one", 30), ("numbers", 0),
        ("refuses", refuses), ("one", 500), ("numbers", 0),
        ("refuses", []), ("one", 20), ("flush", 0), ("kept", 0),
    )  # fmt: skip
    assert before == [31, 30]
    assert during[0] - before[0] == 500, "nothing came between the records that were made"
    (first, went), (unwritten, lost) = told
    assert (first, unwritten) == (1, went + 1), "what went with its block, what never got there"
    assert went == 30 if "program" in refuses else 400 < went < 480
    assert dropped == went + lost == unwritten + lost - 1
    assert during[0] <= found_first <= during[0] + 4
    assert (found_first, last) == (dropped + 1, found_first + count - 1), "what follows is whole"


@pytest.mark.parametrize("records", [40, 900, 3000])
def test_no_number_is_used_again_when_no_page_can_be_read(live: Any, records: int) -> None:
    """As by a firmware that does not know these pages: a host would take new records for those
    that it has."""
    (used, _), (_, following, journal), (again, after, _) = live(
        ("append", records), ("one", 90), ("flush", 0), ("numbers", 0), ("boot", "rotten"),
        ("append", 10), ("flush", 0), ("boot", 0),
    )  # fmt: skip
    assert used > records + 90, "the next block is prepared by then"
    assert following >= used
    assert journal == 7
    assert after > following
    assert again == 64, "what comes after is read again"
    # A journal that is empty because its pages were never written loses no more than usual.
    ((fresh, first, _),) = live(("boot", 0))
    assert (fresh, first) == (64, 65)


def test_a_bad_block_is_not_erased_at_every_turn(live: Any) -> None:
    """Each try stops the sampling for 45 ms: one when it is its turn to be prepared, one when it
    is needed. Nothing is lost by it."""
    before, after, (_, last, count, told, _, first) = live(
        ("bad", 1), ("erases", 0), ("one", 150), ("erases", 0), ("flush", 0), ("kept", 0)
    )
    assert after - before <= 4, "two for the bad one, one for the next, one ahead"
    assert (first, count, told) == (1, last, [])
