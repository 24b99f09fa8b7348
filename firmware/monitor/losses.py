"""What is gone without a host having it, until the journal can tell it in a DROPPED record.

    losses.went(first, last)          # their block had to go
    losses.unwritten(first, last)     # no block could be written
    losses.tell(journal)              # before the next record

While no page can be written, nothing is told: the record of a loss would be lost itself, and make
another one. One record tells all of it when there is flash again.
"""

from struct import pack_into

from .link import wire


class Losses:
    """Of one journal. `failing`: its last page could be written nowhere."""

    def __init__(self):
        self.failing = False
        self.count = 0  # unacknowledged numbers that had to go
        self._first = self._last = 0  # of those whose block went; 0: none
        self._unwritten = self._unwritten_last = 0
        self._body = bytearray(wire.SIZE[wire.DROPPED])

    def went(self, first, last):
        """Numbers that no host has acknowledged went with their block, the oldest first."""
        if self._unwritten:
            last = min(last, self._unwritten - 1)  # the others have never been there
        if last < first:
            return
        if not self._first:
            self._first = first
        self._last = last
        self.count += last + 1 - first

    def unwritten(self, first, last):
        """Numbers that were given, and are in RAM only."""
        self.failing = True
        if not self._unwritten:
            self._unwritten = first
        self._unwritten_last = last

    def tell(self, journal):
        """Appends what there is to be told; nothing while no page can be written."""
        if self.failing:
            return
        first = self._first
        if first:
            self._first = 0
            self._append(journal, first, self._last, wire.DROPPED_FULL)
        first = self._unwritten
        if first:
            self._unwritten = 0
            last = self._unwritten_last
            first = max(first, journal.acked + 1)  # a host may have got them from RAM
            if first <= last:
                self.count += last + 1 - first
                self._append(journal, first, last, wire.DROPPED_DAMAGED)

    def _append(self, journal, first, last, reason):
        body = self._body
        pack_into("<IIIB", body, 0, journal.sample, first, last + 1 - first, reason)
        journal.append(wire.DROPPED, body, len(body))
