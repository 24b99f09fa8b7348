"""SHA-512 in steps, for boards whose hashlib has only SHA-256.

    for digest in sha512(b"abc"):      # yields None between pieces of work, then the digest
        ...

FIPS 180-4, section 6.4. The constants are the first 64 bits of the fractional parts of the
square roots of the first 8 primes and of the cube roots of the first 80 (sections 5.3.5, 4.2.3);
they stay bytes, since eighty large integers would hold four times the memory.
"""

from binascii import unhexlify

from micropython import const

_H = unhexlify(
    "6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d1"
    "9b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179"
)
_K = unhexlify(
    "428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b538"
    "59f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118d807aa98a303024212835b0145706fbe"
    "243185be4ee4b28c550c7dc3d5ffb4e272be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235"
    "c19bf174cf692694e49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65"
    "2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5983e5152ee66dfab"
    "a831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa725"
    "06ca6351e003826f142929670a0e6e7027b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed"
    "53380d139d95b3df650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b"
    "a2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218"
    "d69906245565a910f40e35855771202a106aa07032bbd1b819a4c116b8d2d0c81e376c085141ab53"
    "2748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373"
    "682e6ff3d6b2b8a3748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
    "90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532bca273eceea26619c"
    "d186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6"
    "113f9804bef90dae1b710b35131c471b28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc"
    "431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817"
)

_M64 = (1 << 64) - 1
_ROUNDS_A_STEP = const(8)  # some 2 ms on a Cortex-M0+ at 125 MHz


def _right(x, n):
    return (x >> n) | (x << (64 - n)) & _M64


def _word(data, i):
    return int.from_bytes(data[8 * i : 8 * i + 8], "big")


def sha512(message):
    """Generator: yields None while working and, last, the 64 bytes of the digest."""
    n = len(message)
    data = bytes(message) + b"\x80" + bytes((111 - n) % 128 + 8) + (8 * n).to_bytes(8, "big")
    state = [_word(_H, i) for i in range(8)]
    for start in range(0, len(data), 128):
        w = [_word(data, start // 8 + i) for i in range(16)]
        a, b, c, d, e, f, g, h = state
        for t in range(80):
            i = t & 15
            if t >= 16:
                x, y = w[(t - 15) & 15], w[(t - 2) & 15]
                s0 = _right(x, 1) ^ _right(x, 8) ^ (x >> 7)
                s1 = _right(y, 19) ^ _right(y, 61) ^ (y >> 6)
                w[i] = (w[i] + s0 + w[(t - 7) & 15] + s1) & _M64
            t1 = h + (_right(e, 14) ^ _right(e, 18) ^ _right(e, 41))
            t1 += ((e & f) ^ (~e & _M64 & g)) + _word(_K, t) + w[i]
            t2 = (_right(a, 28) ^ _right(a, 34) ^ _right(a, 39)) + ((a & b) ^ (a & c) ^ (b & c))
            h, g, f, e, d, c, b, a = g, f, e, (d + t1) & _M64, c, b, a, (t1 + t2) & _M64
            if t % _ROUNDS_A_STEP == 0:
                yield None
        work = (a, b, c, d, e, f, g, h)
        state = [(state[i] + work[i]) & _M64 for i in range(8)]
    yield b"".join([word.to_bytes(8, "big") for word in state])
