"""The wire format, written once: what a monitor and a host say to each other.

    body = wire.encode(wire.BEAT, {"sample": 1000, "rr": 200, "amplitude_uv": 1024, ...})
    wire.decode(wire.BEAT, body)["rr"]                       # 200
    for seq, kind, body in wire.live_records(frame): ...     # a frame of records as they happen

Runs in MicroPython and in CPython; no float, no allocation where the device sends beats
(`put_live_begin`, `put_beat`, `put_record` write into a buffer that exists).
All integers are little-endian. Times: `sample` counts conversions of the front end since the
boot (u32, lost ones included); `host_us` is Unix time in microseconds, UTC.

Layers
  record    a numbered fact (a beat, a gap, a button press): type, body. The numbers (`seq`, u32)
            are one sequence for all types, survive reboots and are never used twice.
  page      up to 1024 bytes of packed records, as the journal keeps them in flash (pack.py). It is
            sent as it is stored: its checksums reach from the flash to the host.
  frame     one notification. First byte: version (high four bits) and frame type (low four);
            then a u16 counter per characteristic, which also drives the credits.
  command   one write to the control point, answered by one notification there. The pattern is
            that of the SIG's Record Access Control Point: opcode, (tag,) operator, operand.

Rules that keep old and new together
  A reader skips a record or frame of a type that it doesn't know, and ignores bytes behind the
  fields that it knows: a later version may only append. A body that is too short is an error.

Flow control. A host that wants records sends REPORT, then GRANTs: "I have taken all frames up
to this counter; you may be `window` frames ahead". The monitor never has more than `window`
frames under way, so no stack's queue can grow. The counters start at 0 with each connection.

Exactly once. ACK(seq) says: everything up to seq is committed to disk. The host takes records in
order: a LIVE record only if it continues the sequence, otherwise the page stream brings it. A
jump of seq inside the page stream is final: what is missing there does not exist any more
(a DROPPED record tells why).
"""

from struct import calcsize, pack_into, unpack_from

from .amplitude import round_amplitude as round_amplitude

VERSION = 1

# --- UUIDs -------------------------------------------------------------------------------------
_UUID = "7e1d%04x-5c2b-4f8e-a3d4-68656172746c"
SERVICE_UUID = _UUID % 1
CONTROL_UUID = _UUID % 2
RECORDS_UUID = _UUID % 3
ECG_UUID = _UUID % 4
STATUS_UUID = _UUID % 5

# --- record types ------------------------------------------------------------------------------
BEAT, SIGNAL, GAP, EVENT, SYNC, BOOT, FAULT = 1, 2, 3, 4, 5, 6, 7
SESSION, STRIP, SETTING, DROPPED, BATTERY, LINK, NOTE = 8, 9, 10, 11, 12, 13, 14
MAX_TYPE = 29  # 30 and 31 are taken by the packed form (pack.py)
MAX_BODY = 64

# type: (name, struct format, field names). The table is the documentation of every field.
RECORDS = {
    # rr: samples since the beat before, 0 = unknown (first beat, or a gap lies between).
    # amplitude_uv: R peak against the baseline, on a grid of steps of 6.5 % (`round_amplitude`).
    # width: QRS width in steps of 8 ms, 0 = unknown. confidence: percent, in steps of 10.
    # flags: BEAT_*.
    BEAT: ("beat", "<IHHBBB", ("sample", "rr", "amplitude_uv", "width", "confidence", "flags")),
    # From this sample on. state: SIGNAL_*; reason: REASON_*; off: electrodes that are off, one bit
    # each, ELECTRODES order; channel: 0 = all.
    SIGNAL: ("signal", "<IBBHB", ("sample", "state", "reason", "off", "channel")),
    # sample: the first one missing; lost: how many; reason: GAP_*.
    GAP: ("gap", "<IIB", ("sample", "lost", "reason")),
    # kind: EVENT_*; value: its own (milliseconds a button was held, beats/min of an alarm);
    # strip: number of the ECG strip kept for it, 0 = none.
    EVENT: ("event", "<IBHH", ("sample", "kind", "value", "strip")),
    # The instant host_us (known to within uncertainty_us) was `late_us` after conversion `sample`.
    SYNC: ("sync", "<IQIH", ("sample", "host_us", "uncertainty_us", "late_us")),
    # The first record of a boot. cause: RESET_*; rate: samples/s; pv_per_code: picovolts at the
    # electrodes for one code of the converter; part: the AFE's ID register; firmware: 3 numbers.
    BOOT: (
        "boot",
        "<IHBHIBBBBB",
        (
            "sample",
            "boot",
            "cause",
            "rate",
            "pv_per_code",
            "part",
            "channels",
            "major",
            "minor",
            "patch",
        ),
    ),
    # code: FAULT_*; detail: its own number (an errno, a count, a register).
    FAULT: ("fault", "<IBi", ("sample", "code", "detail")),
    # action: 1 start, 2 stop. session: the host's number of it (0 = none).
    SESSION: ("session", "<IBI", ("sample", "action", "session")),
    # A strip of raw ECG that can be fetched: first sample, number of samples, the number of the
    # strip, EVENT_* that caused it, first ECG block and number of blocks (frames ECG).
    STRIP: ("strip", "<IIHBIH", ("sample", "count", "strip", "kind", "block", "blocks")),
    SETTING: ("setting", "<IBi", ("sample", "key", "value")),
    # The `count` records from seq `first` on are not in the journal: DROPPED_*.
    DROPPED: ("dropped", "<IIIB", ("sample", "first", "count", "reason")),
    # percent 255 = unknown; flags: bit 0 charging, 1 low, 2 empty, 3 too hot, 4 too cold.
    BATTERY: ("battery", "<IHBB", ("sample", "millivolts", "percent", "flags")),
    # action: LINK_*; detail: its own (frames lost, a reason code).
    LINK: ("link", "<IBI", ("sample", "action", "detail")),
    # A figure that has passed a limit, either way. counter: NOTE_*.
    NOTE: ("note", "<IBI", ("sample", "counter", "value")),
}
_FORMAT = {kind: row[1] for kind, row in RECORDS.items()}
SIZE = {kind: calcsize(row[1]) for kind, row in RECORDS.items()}

BEAT_SEARCHED, BEAT_AFTER_GAP, BEAT_PREMATURE, BEAT_WIDE = 1, 2, 4, 8
BEAT_PAUSE, BEAT_IRREGULAR, BEAT_DOUBTFUL = 16, 32, 64
SIGNAL_UNKNOWN, SIGNAL_GOOD, SIGNAL_NOISY, SIGNAL_LEAD_OFF = 0, 1, 2, 3
SIGNAL_SATURATED, SIGNAL_FLAT, SIGNAL_SETTLING, SIGNAL_FAULT = 4, 5, 6, 7
SIGNAL_NAMES = (
    "unknown", "good", "noisy", "lead off", "saturated", "flat", "settling", "fault",
)  # fmt: skip
ELECTRODES = ("RA", "LA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
# The first five are the sampler's own reasons (sampler_core).
GAP_OVERRUN, GAP_RING_FULL, GAP_SYNC, GAP_RESTART, GAP_PAUSED, GAP_POWER = 1, 2, 3, 4, 5, 6
GAP_SELFTEST = 7
GAP_NAMES = {
    1: "samples overran", 2: "samples not taken in time", 3: "front end out of sync",
    4: "front end restarted", 5: "paused: charger, battery, erasing", 6: "no power",
    7: "the monitor tested itself",
}  # fmt: skip
EVENT_BUTTON, EVENT_LONG_PRESS, EVENT_MARK, EVENT_PAUSE = 1, 2, 3, 4
EVENT_FAST, EVENT_SLOW, EVENT_IRREGULAR, EVENT_LEAD = 5, 6, 7, 8
# From this sample on the beats come from another channel. Its value: the channel before (bits 0-3;
# 0: they begin with it), the channel now (4-7), both from 1 on, and why the one before was left
# (8-11): its SIGNAL_*, or SIGNAL_GOOD: the chosen channel is good again.
EVENT_CHANNEL = 9
EVENT_NAMES = {
    1: "button", 2: "long press", 3: "mark", 4: "pause", 5: "fast", 6: "slow", 7: "irregular",
    8: "lead off", 9: "channel",
}  # fmt: skip
RESET_POWER, RESET_BUTTON, RESET_WATCHDOG, RESET_SOFT, RESET_OTHER = 1, 2, 3, 4, 5
DROPPED_FULL, DROPPED_POWER, DROPPED_DAMAGED, DROPPED_ERASED = 1, 2, 3, 4
DROPPED_NAMES = {
    1: "memory full", 2: "power was cut before they were written", 3: "damaged in flash",
    4: "erased on request",
}  # fmt: skip
FAULT_AFE, FAULT_JOURNAL, FAULT_DETECTOR, FAULT_LINK, FAULT_BATTERY = 1, 2, 3, 4, 5
FAULT_EXCEPTION, FAULT_FLASH, FAULT_SETTINGS = 6, 7, 8
# Detail: what stood still (vigil.py's bits); how many watchdog resets came before.
FAULT_STUCK, FAULT_SAFE = 9, 10
FAULT_CARD = 11  # the memory for ECG that the board has can't be used; detail: an errno
LINK_UP, LINK_DOWN, LINK_STALLED, LINK_REFUSED = 1, 2, 3, 4
SESSION_START, SESSION_STOP = 1, 2
NOTE_MEMORY = 1  # percent of the journal that no host has committed; nearly full from 90 on
# Picovolts for a code of one channel, where a calibration makes it another than the BOOT record's;
# the channel, from 1 on, is in the highest four bits.
NOTE_SCALE = 3
NOTE_ECG = 2  # blocks of ECG that found no room, or gave it up before a host had them
# ticks_ms (it wraps at 2^30) when the note's sample was converted: see crystal.py.
NOTE_CRYSTAL = 4

# --- frames ------------------------------------------------------------------------------------
FRAME_LIVE, FRAME_PAGE, FRAME_ECG, FRAME_IDLE, FRAME_SKIP = 1, 2, 3, 4, 5
# LIVE   <BHI version|type, counter, seq of the first record; then (type u8, length u8, body)...:
#        consecutive numbers.
# PAGE   <BHIH version|type, counter, page number, offset; then bytes of the page from there.
# ECG    <BHIH version|type, counter, block number, offset; then bytes of the block (ecg.py);
#        bit 15 of offset: this is the block's last fragment.
# IDLE   <BHI version|type, counter, next seq: nothing is waiting (sent every 2 s, so that
#        silence on the link always means a broken link).
# SKIP   <BHII version|type, counter, first, next: the numbers first..next-1 can't be had any more.
HEAD = 3
LIVE_HEAD = 7
PART_HEAD = 9
LAST_PART = 0x8000
MIN_MTU_PAYLOAD = 20

# --- status ------------------------------------------------------------------------------------
# What the status characteristic reads; later versions append.
STATUS_FORMAT = "<BHIIIIHBBBHBBIIHBI"
STATUS_FIELDS = (
    "version", "boot", "sample", "next_seq", "acked_seq", "first_seq", "millivolts",
    "battery_percent", "signal", "reason", "off", "heart_rate", "flags", "session", "overruns",
    "wear", "memory_percent", "journal",
)  # fmt: skip
STATUS_SIZE = calcsize(STATUS_FORMAT)
STATUS_SESSION, STATUS_ECG, STATUS_CHARGING, STATUS_FAULT, STATUS_SAFE = 1, 2, 4, 8, 16
STATUS_PAIRS = 32  # its stack can secure the link itself (bonds.py)

# --- commands ----------------------------------------------------------------------------------
# Write: opcode u8, tag u8 (the answer repeats it), operands. Answer: opcode | 0x80, tag, result,
# then the operands of the answer. opcode: (name, operands, operands of the answer).
REPORT, DELETE, ABORT, COUNT = 1, 2, 3, 4
HELLO, GRANT, ACK, PING, SYNC_POINT = 0x10, 0x11, 0x12, 0x13, 0x14
SESSION_SET, ECG_SET, SETTING_SET, SETTING_GET, MARK, IDENTIFY = 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A
SELFTEST, ERASE = 0x1B, 0x1C
STATUS_GET, DESCRIBE, WIPE = 0x1D, 0x1E, 0x1F
KEY_HELLO, KEY_ANSWER = 0x30, 0x31
UPDATE_BEGIN, UPDATE_DATA, UPDATE_FINISH, UPDATE_STATUS = 0x20, 0x21, 0x22, 0x23
ECG_ACK, ECG_RANGE = 0x28, 0x29
COMMANDS = {
    # Stream records: operator 1 all, 3 those >= seq. Answer: first seq that there is, next seq.
    REPORT: ("report", "<BI", "<II"),
    # Forget records: operator 2 those <= seq; only acknowledged ones, otherwise BAD_OPERAND.
    DELETE: ("delete", "<BI", "<I"),
    ABORT: ("abort", "<B", "<"),
    # Operator 1 or 3 as in REPORT. Answer: how many numbers lie in the journal.
    COUNT: ("count", "<BI", "<I"),
    # Host's protocol version. Answer: the monitor's, device id (8 bytes), boot, journal (a random
    # number made when the journal was formatted: seq counts within it).
    HELLO: ("hello", "<B", "<B8sHI"),
    # Frames taken on RECORDS, frames taken on ECG (counters of the last ones, modulo 2^16), and
    # how many may be under way on each. Not answered.
    GRANT: ("grant", "<HHB", None),
    # Committed up to seq. Not answered.
    ACK: ("ack", "<I", None),
    # Host's time, given back; the sample index when it arrived, microseconds since then, boot.
    PING: ("ping", "<Q", "<IHH"),
    # A SYNC record to keep: sample, host_us, uncertainty_us, late_us. Answer: its seq.
    SYNC_POINT: ("sync point", "<IQIH", "<I"),
    SESSION_SET: ("session", "<BI", "<I"),
    # stream: ECG_*; first block wanted (0 = now; strips: from STRIP records); number of blocks
    # (0 = until stopped). Answer: first block that will come.
    ECG_SET: ("ecg", "<BIH", "<I"),
    SETTING_SET: ("set", "<Bi", "<i"),
    SETTING_GET: ("get", "<B", "<i"),
    # An event noted by the host: EVENT_*, value. Answer: its seq.
    MARK: ("mark", "<BH", "<I"),
    IDENTIFY: ("identify", "<B", "<"),  # blink for so many seconds
    # Operand: SELFTEST_* begins or ends it (not in a session, not on a charger), a smaller number
    # asks for that result. Answer: bits (SELFTEST_IS_*, from bit 8 the count of results, from bit
    # 16 what broke it off), then the result: code (limits.py), channel, value, low, high.
    SELFTEST: ("self-test", "<B", "<IBBiii"),
    # Wipe the journal: the operand is the journal's own number, so that no stray byte can do it.
    ERASE: ("erase", "<I", "<I"),
    # What the status characteristic reads, for hosts that talk sealed (it then reads nothing).
    STATUS_GET: ("status", "<", STATUS_FORMAT),
    # Model and firmware version, padded with zeros: what Device Information reads otherwise; and
    # the serial number on its label, which only who was let in is told.
    DESCRIBE: ("describe", "<", "<20s12s16s"),
    # A lost monitor forgets everything, its keys first, and restarts. Operand: its journal's
    # number. Only sealed: one that is not paired refuses.
    WIPE: ("wipe", "<I", "<"),
    # A signed image (update.py): size, SHA-256 of the archive, signature. Answer: an update
    # status, and how much of this archive is here already.
    UPDATE_BEGIN: ("update begin", "<I32s64s", "<BI"),
    # Offset, and then the bytes themselves. Answer: status, the next offset wanted.
    UPDATE_DATA: ("update data", "<I", "<BI"),
    UPDATE_FINISH: ("update finish", "<", "<BI"),
    # Answer: state, why it failed, offset.
    UPDATE_STATUS: ("update status", "<", "<BBI"),
    # Stored ECG blocks are committed up to this number: the monitor may forget them.
    ECG_ACK: ("ecg ack", "<I", "<"),
    # Stored ECG. Answer: first and next block number, acknowledged up to, flags: ECG_IS_*.
    ECG_RANGE: ("ecg range", "<", "<IIIB"),
    # The handshake (secure.py): version and the host's nonce; the monitor's nonce and proof, or
    # NOT_COMPLETED and, behind the result, a challenge of eight bytes for the next hello.
    KEY_HELLO: ("key hello", "<B16s", "<16s16s"),
    # The host's proof. From here on every write and notification of our service is sealed.
    KEY_ANSWER: ("key answer", "<16s", "<"),
}
# Answered only to a central with a larger MTU than the smallest (bleak asks for one).
LONG_COMMANDS = (UPDATE_BEGIN,)  # asked only over such an MTU
LONG_ANSWERS = (STATUS_GET, DESCRIBE, KEY_HELLO, SELFTEST)
OPERAND_SIZE = {op: calcsize(row[1]) for op, row in COMMANDS.items()}
ALL, LESS_OR_EQUAL, GREATER_OR_EQUAL = 1, 2, 3
ECG_STOP, ECG_LIVE, ECG_STORED = 0, 1, 2
SELFTEST_OPEN, SELFTEST_CONNECTED, SELFTEST_STOP = 0xF0, 0xF1, 0xF2
SELFTEST_IS_RUNNING, SELFTEST_IS_DONE, SELFTEST_IS_PASSED = 1, 2, 4
SELFTEST_IS_RESULT, SELFTEST_IS_GOOD = 8, 16  # there is the result asked for; it is a pass
ECG_IS_WHOLE = 1  # all ECG of a session is stored, not strips alone
OK, NO_OPCODE, BAD_OPERATOR, NO_OPERATOR, BAD_OPERAND = 1, 2, 3, 4, 5
NONE_FOUND, ABORT_FAILED, NOT_COMPLETED, NO_OPERAND, REFUSED = 6, 7, 8, 9, 10
RESULTS = {
    1: "ok", 2: "opcode not supported", 3: "invalid operator", 4: "operator not supported",
    5: "invalid operand", 6: "no records found", 7: "abort failed", 8: "procedure not completed",
    9: "operand not supported", 10: "refused: not authorised",
}  # fmt: skip


class WireError(ValueError):
    """Bytes that are not what the table says; names what, and how long it was."""


def encode(kind, values):
    """Bytes of a record's body from a dict with every field of its table row."""
    _, form, names = RECORDS[kind]
    body = bytearray(SIZE[kind])
    pack_into(form, body, 0, *[values[name] for name in names])
    return bytes(body)


def decode(kind, body):
    """Dict of a record's fields; WireError when the type is unknown or the body too short."""
    if kind not in RECORDS:
        raise WireError("record type %d is not in the table" % kind)
    name, form, names = RECORDS[kind]
    if len(body) < SIZE[kind]:
        raise WireError("%s record of %d bytes, needs %d" % (name, len(body), SIZE[kind]))
    return dict(zip(names, unpack_from(form, body, 0)))


def put_live_begin(buffer, counter, seq):
    """Starts a LIVE frame in `buffer`; returns the offset for the first record."""
    pack_into("<BHI", buffer, 0, VERSION << 4 | FRAME_LIVE, counter, seq)
    return LIVE_HEAD


def put_record(buffer, offset, kind, body, size):
    """Adds a record to a LIVE frame; returns the next offset, or 0 if it does not fit."""
    end = offset + 2 + size
    if end > len(buffer):
        return 0
    buffer[offset] = kind
    buffer[offset + 1] = size
    for i in range(size):
        buffer[offset + 2 + i] = body[i]
    return end


def live_records(frame):
    """(seq, type, body) of each record of a LIVE frame, in order."""
    if len(frame) < LIVE_HEAD or frame[0] & 15 != FRAME_LIVE:
        raise WireError("not a LIVE frame (%d bytes)" % len(frame))
    seq = unpack_from("<I", frame, HEAD)[0]
    at = LIVE_HEAD
    found = []
    while at < len(frame):
        if at + 2 > len(frame) or at + 2 + frame[at + 1] > len(frame):
            raise WireError("LIVE frame cut inside record %d" % seq)
        size = frame[at + 1]
        found.append((seq, frame[at], bytes(frame[at + 2 : at + 2 + size])))
        at += 2 + size
        seq = (seq + 1) & 0xFFFFFFFF
    return found


def head(frame):
    """(version, frame type, counter) of any frame."""
    if len(frame) < HEAD:
        raise WireError("frame of %d bytes" % len(frame))
    return frame[0] >> 4, frame[0] & 15, frame[1] | frame[2] << 8


def part(frame):
    """(number, offset, last, bytes) of a PAGE or ECG frame."""
    if len(frame) < PART_HEAD:
        raise WireError("fragment of %d bytes" % len(frame))
    number, offset = unpack_from("<IH", frame, HEAD)
    return number, offset & 0x7FFF, offset >> 15, bytes(frame[PART_HEAD:])


def command(opcode, tag, *operands):
    """Bytes of a command as the host writes it."""
    out = bytearray(2 + OPERAND_SIZE[opcode])
    out[0], out[1] = opcode, tag
    pack_into(COMMANDS[opcode][1], out, 2, *operands)
    return bytes(out)


def answer(data):
    """(opcode, tag, result, operands) of an answer; operands is () unless the result is OK."""
    if len(data) < 3 or not data[0] & 0x80:
        raise WireError("answer of %d bytes" % len(data))
    opcode = data[0] & 0x7F
    if data[2] != OK or opcode not in COMMANDS:
        return opcode, data[1], data[2], ()
    form = COMMANDS[opcode][2] or "<"
    if len(data) < 3 + calcsize(form):
        raise WireError("answer to %s of %d bytes" % (COMMANDS[opcode][0], len(data)))
    return opcode, data[1], data[2], unpack_from(form, data, 3)


def status(data):
    """Dict of the status characteristic's fields."""
    if len(data) < STATUS_SIZE:
        raise WireError("status of %d bytes, needs %d" % (len(data), STATUS_SIZE))
    return dict(zip(STATUS_FIELDS, unpack_from(STATUS_FORMAT, data, 0)))


def number(frame, which):
    """The u32 that an IDLE (0: next seq) or SKIP (0: first, 1: next) frame carries."""
    at = HEAD + 4 * which
    if len(frame) < at + 4:
        raise WireError("frame of %d bytes" % len(frame))
    return unpack_from("<I", frame, at)[0]
