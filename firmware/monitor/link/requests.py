"""What a central asks of the link itself: records, their number, who the monitor is.

    requests = Requests(server, journal, handlers)
    result, size = requests.do(peer, opcode, data, answer, now)

REPORT, COUNT and ABORT are those of the SIG's Record Access Control Point: all records, or those
with a number at least (COUNT: at most, too) as large. Everything else goes to the app's handlers.
"""

from struct import pack_into, unpack_from

from . import wire

# What only the host that has the records may do, while there is one.
_OWNERS = (wire.SESSION_SET, wire.ECG_SET, wire.SETTING_SET, wire.SYNC_POINT, wire.DELETE,
           wire.ERASE, wire.ECG_ACK)  # fmt: skip
_MOST_OPERATOR = 6  # of the Record Access Control Point


class Requests:
    """Answers for one server; `data` holds the opcode, the tag and all operands."""

    def __init__(self, server, journal, handlers):
        self._server = server
        self._journal = journal
        self._handlers = handlers

    def do(self, peer, opcode, data, answer, now):
        """(result, length of the answer), which goes into `answer` from its fourth byte on."""
        server = self._server
        others = server.owner is not None and server.owner is not peer
        if opcode == wire.REPORT or opcode == wire.COUNT:
            return self._records(peer, opcode, data, answer, others)
        if opcode == wire.ABORT:
            if data[2]:
                return wire.BAD_OPERATOR, 3  # RACP: the operator of an abort is null
            if others:
                return wire.ABORT_FAILED, 3
            server.stream.running = False
            if server.ecg is not None:
                server.ecg.stop()
            return wire.OK, 3
        if opcode == wire.HELLO:
            identity, journal = self._handlers.identity, self._journal
            pack_into("<B8sHI", answer, 3, wire.VERSION, identity, journal.boot, journal.journal)
            return wire.OK, 18
        if opcode == wire.STATUS_GET:
            n = len(server.state)
            answer[3 : 3 + n] = server.state
            return wire.OK, 3 + n
        if opcode == wire.DESCRIBE:
            model, firmware = server.described
            serial = b"" if server.guard is None else server.serial
            pack_into("<20s12s16s", answer, 3, model.encode(), firmware.encode(), serial)
            return wire.OK, 51
        if others and opcode in _OWNERS:
            return wire.REFUSED, 3
        return self._handlers.on_command(opcode, data, answer, now)

    def _records(self, peer, opcode, data, answer, others):
        server, journal = self._server, self._journal
        operator, seq = unpack_from("<BI", data, 2)
        if opcode == wire.COUNT and operator == wire.LESS_OR_EQUAL:
            count = min(seq + 1, journal.next_seq) - journal.first_seq
            pack_into("<I", answer, 3, max(0, count))
            return wire.OK, 7
        if operator != wire.ALL and operator != wire.GREATER_OR_EQUAL:
            bad = operator == 0 or operator > _MOST_OPERATOR
            return (wire.BAD_OPERATOR if bad else wire.NO_OPERATOR), 3
        if operator == wire.ALL:
            seq = journal.first_seq
        if seq > journal.next_seq:
            return wire.BAD_OPERAND, 3
        if opcode == wire.COUNT:
            pack_into("<I", answer, 3, journal.next_seq - max(seq, journal.first_seq))
            return wire.OK, 7
        if others:
            return wire.REFUSED, 3
        if server.owner is None:
            server.give_records(peer)
        pack_into("<II", answer, 3, server.stream.start(seq), journal.next_seq)
        return wire.OK, 11
