"""The monitor's own main program, with a witness beside the journal: every record and every flush
is printed as it happens, so that a test knows what was made and what was in flash when the power
went, without asking the journal."""

import time
from binascii import hexlify

from monitor import app
from monitor.journal import Journal

import board

_append, _flush = Journal.append, Journal.flush


def append(self, kind, body, size):
    seq = _append(self, kind, body, size)
    text = hexlify(bytes(body[:size])).decode()
    print("R", seq, self.boot, kind, time.ticks_ms(), text)
    return seq


def flush(self):
    before = self.flushed_seq
    _flush(self)
    if self.flushed_seq != before:
        print("F", self.flushed_seq)


Journal.append, Journal.flush = append, flush
app.run(board)
