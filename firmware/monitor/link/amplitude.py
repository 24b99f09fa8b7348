"""Amplitudes on a grid of eleven steps an octave: never more than 3.25 % away, 148 values in all.

    uv = round_amplitude(1234)          # 1218: what a BEAT record keeps
    code = amplitude_code(uv)           # 0..147, what the packed form codes the differences of
    amplitude_value(code) == uv

A step is a ratio of 2 ^ (1 / 11), so a small and a large beat are kept equally well. (Five
significant bits err as much, 3.0 %, just above a power of two and by half of that below the next;
they need 16 values an octave, half a bit more for each beat in flash. The R peak of one and the
same heart moves by 5 to 15 % with every breath.) Below 16 uV every microvolt is kept.
"""

_STEPS = 11
_EXACT = 16
MOST = 147  # the code of 61,536 uV
# 1024 * 2 ^ (i / 11), and halfway (as a ratio) from each to the next
_GRID = (1024, 1091, 1162, 1237, 1318, 1403, 1495, 1592, 1695, 1805, 1923)
_EDGE = (1057, 1126, 1199, 1277, 1360, 1448, 1542, 1643, 1750, 1863, 1984)


def _nearest(uv):
    """Code of the grid value nearest (as a ratio) to uv >= 16."""
    octave = 4
    while uv >> octave > 1:
        octave += 1
    x = (uv << 10) >> octave
    step = 0
    while step < _STEPS and x >= _EDGE[step]:
        step += 1
    code = _EXACT + (octave - 4) * _STEPS + step
    return code if code < MOST else MOST


def amplitude_value(code):
    """Microvolts of a code 0..147; larger codes stand for the largest."""
    if code < _EXACT:
        return code
    if code > MOST:
        code = MOST
    octave, step = divmod(code - _EXACT, _STEPS)
    return (_GRID[step] << (octave + 4)) + 512 >> 10


def amplitude_code(uv):
    """The code of a rounded amplitude (`round_amplitude`), -1 when uv is not on the grid."""
    if uv < _EXACT:
        return uv
    code = _nearest(uv)
    return code if amplitude_value(code) == uv else -1


def round_amplitude(uv):
    """Microvolts (0..65535) as a BEAT keeps them: on the grid, within 3.25 % up to 63 mV."""
    if uv < _EXACT:
        return uv if uv > 0 else 0
    return amplitude_value(_nearest(uv))
