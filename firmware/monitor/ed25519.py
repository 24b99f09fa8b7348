"""Ed25519 signatures, verified in small steps (RFC 8032, section 5.1.7).

    for verdict in verify(public, message, signature):   # None while working, then True or False
        ...

Why Ed25519 and not a shared HMAC key: a board holds only the public key, so a lost or opened
monitor gives nobody the power to sign firmware for the others. Why it is bearable: about 4,300
multiplications modulo 2^255 - 19; each step does one doubling at most and one addition, so the
loop that calls it goes on serving the radio. Nothing secret is handled here, so nothing needs
constant time.

Stricter than the RFC asks: points that are not in canonical form are refused, and the equation is
checked without the cofactor, as most implementations do.
"""

from monitor.sha512 import sha512

_P = (1 << 255) - 19
_L = (1 << 252) + 27742317777372353535851937790883648493
# -121665/121666, the square root of -1, and the base point (section 5.1), all modulo p.
_D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3
_SQRT_M1 = 0x2B8324804FC1DF0B2B4D00993DFBD7A72F431806AD2FE478C4EE1B274A0EA0B0
_BX = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A
_BY = 0x6666666666666666666666666666666666666666666666666666666666666658
_BASE = (_BX, _BY, 1, _BX * _BY % _P)


def _double(p):
    """RFC 8032, 5.1.4, on (X, Y, Z, T) with T = XY/Z."""
    x, y, z, _ = p
    a, b = x * x % _P, y * y % _P
    h = a + b
    e = h - (x + y) * (x + y)
    g = a - b
    f = 2 * z * z + g
    e, f = e % _P, f % _P
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _add(p, q):
    """RFC 8032, 5.1.4."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] % _P * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _power(base, exponent):
    """Generator: None while working, then base ** exponent mod p; eight bits a step."""
    result = 1
    for bit in range(254, -1, -1):
        result = result * result % _P
        if (exponent >> bit) & 1:
            result = result * base % _P
        if bit & 7 == 0:
            yield None
    yield result


def _point(data):
    """Generator: None while working, then the point that 32 bytes name, or False."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        yield False
        return
    u = (y * y - 1) % _P
    v = (_D * y * y + 1) % _P
    # 5.1.3: x = (u/v)^((p+3)/8) = u v^3 (u v^7)^((p-5)/8)
    v3 = v * v % _P * v % _P
    root = None
    for root in _power(u * v3 % _P * v3 % _P * v % _P, (_P - 5) // 8):
        yield None
    x = u * v3 % _P * root % _P
    check = v * x % _P * x % _P
    if check != u:
        if check != -u % _P:
            yield False
            return
        x = x * _SQRT_M1 % _P
    if x == 0 and sign:
        yield False
        return
    if x & 1 != sign:
        x = _P - x
    yield x, y, 1, x * y % _P


def verify(public, message, signature):
    """Generator: yields None while working and, last, whether the signature is good.

    `public` is 32 bytes, `signature` 64; anything else is not good.
    """
    if len(public) != 32 or len(signature) != 64:
        yield False
        return
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        yield False
        return
    a = digest = inverse = None
    for a in _point(public):
        yield None
    if not a:
        yield False
        return
    for digest in sha512(bytes(signature[:32]) + bytes(public) + bytes(message)):
        yield None
    k = int.from_bytes(digest, "little") % _L
    minus_a = (_P - a[0], a[1], 1, _P - a[3])
    both = _add(_BASE, minus_a)
    result = (0, 1, 1, 0)
    # s B - k A, both products in one pass of doublings (Straus).
    for bit in range(252, -1, -1):
        result = _double(result)
        which = (s >> bit & 1) | (k >> bit & 1) << 1
        if which:
            result = _add(result, (_BASE, minus_a, both)[which - 1])
        yield None
    for inverse in _power(result[2], _P - 2):
        yield None
    x, y = result[0] * inverse % _P, result[1] * inverse % _P
    # Compared as bytes: a signature's R that is not canonical can't match.
    yield (y | (x & 1) << 255).to_bytes(32, "little") == bytes(signature[:32])
