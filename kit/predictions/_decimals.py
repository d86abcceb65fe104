"""From decimal digits to the nearest float64, compiled. Importing it takes half a second: see `_quick`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from kit.metrics import Array

# A compiled function sees machine words: U(1), not 1, or numba makes floats of them.
U: Any = np.uint64
INT: Any = np.int64
Word = Any
MAX_POWER = 300
NONE = U(0)


def powers_of_five() -> tuple[Array, Array]:
    """The first 128 bits of 5**q for each q from -300 to 300, in two halves, as `nearest` wants them."""
    whole = [_first_bits(q) for q in range(-MAX_POWER, MAX_POWER + 1)]
    high, low = ([bits >> 64 for bits in whole], [bits & (2**64 - 1) for bits in whole])
    return np.array(high, dtype=np.uint64), np.array(low, dtype=np.uint64)


def _first_bits(q: int) -> int:
    """5**q scaled to [2**127, 2**128) and cut off; rounded up where its reciprocal has less than 64 bits."""
    power: int = 5 ** abs(q)
    n_bits = power.bit_length()
    if q >= 0:
        return power << 128 >> n_bits
    if q >= -27:
        return (1 << n_bits + 127) // power + 1
    more = (1 << 2 * n_bits + 128) // power
    return more >> more.bit_length() - 128


@njit(inline="always")
def _product(a: Word, b: Word) -> tuple[Word, Word]:
    """All 128 bits of a product, in two halves."""
    mask, half = U(0xFFFFFFFF), U(32)
    low, cross, other, high = (
        (a & mask) * (b & mask),
        (a & mask) * (b >> half),
        (a >> half) * (b & mask),
        (a >> half) * (b >> half),
    )
    middle = (low >> half) + (cross & mask) + (other & mask)
    return high + (cross >> half) + (other >> half) + (middle >> half), (middle << half) | (low & mask)


@njit(inline="always")
def _exponent(value: Any) -> int:
    exponent: int = INT(value.view(np.uint64) >> U(52)) - 1023
    return exponent


@njit(inline="always")
def nearest(digits: Word, q: int, high_power: Word, low_power: Word) -> Word:
    """The bits of the float64 nearest to digits * 10**q, or NONE where it is not a normal number.

    Parameters
    ----------
    digits : uint64
        Not 0.
    q : int
        From -300 to 300.
    high_power, low_power : uint64
        The halves of 5**q, as `powers_of_five` gives them.

    References
    ----------
    D. Lemire, Number Parsing at a Gigabyte per Second, Software: Practice and Experience 51 (2021),
    1700-1727; that no case is left undecided: N. Mushtak, D. Lemire, Fast Number Parsing Without
    Fallback, Software: Practice and Experience 53 (2023), 1467-1471.
    """
    n_leading = 63 - _exponent(np.float64(digits))
    digits <<= U(n_leading)
    if digits >> U(63) == U(0):  # as a float it was rounded up to the next power of two
        digits <<= U(1)
        n_leading += 1
    high, low = _product(digits, high_power)
    if high & U(0x1FF) == U(0x1FF):
        more, _ = _product(digits, low_power)
        low += more
        if low < more:
            high += U(1)
    top = high >> U(63)
    shift = top + U(9)
    mantissa = high >> shift
    exponent = ((217706 * q) >> 16) + 63 + INT(top) - n_leading + 1023
    if exponent <= 0 or exponent >= 2046:
        return NONE
    # Halfway between two floats: to the even one.
    if low <= U(1) and -4 <= q <= 23 and mantissa & U(3) == U(1) and mantissa << shift == high:
        mantissa &= ~U(1)
    mantissa = (mantissa + (mantissa & U(1))) >> U(1)
    if mantissa >= U(1 << 53):
        mantissa >>= U(1)
        exponent += 1
    return (mantissa & ~U(1 << 52)) | (U(exponent) << U(52))
