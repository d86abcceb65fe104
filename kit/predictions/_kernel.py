"""Plain CSV to numbers, compiled; knows no ids and no limits. Importing it takes half a second: see `_quick`.

It takes what pandas and its like write, and stops at anything else: nothing is judged here. Each access
to an array is checked (``boundscheck``): the bytes are a stranger's.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kit.metrics import Array
from kit.predictions._decimals import INT, MAX_POWER, NONE, U, Word, nearest

NEWLINE, RETURN, COMMA, PLUS, MINUS, POINT, ZERO, SMALL_E = 10, 13, 44, 43, 45, 46, 48, 101
MAX_INTEGER_DIGITS = 18
MAX_DIGITS = 19
ALL_ZEROS, PAST_NINE = U(0x3030303030303030), U(0x7676767676767676)
HIGH_BITS, LOW_BITS = U(0x8080808080808080), U(0x0101010101010101)
PAIRS, TENS, ONES = U(0x000000FF000000FF), U(0x000F424000000064), U(0x0000271000000001)
POWERS = np.array([10**n for n in range(9)], dtype=np.uint64)


@njit(nogil=True, boundscheck=True)
def parse(
    data: Array,
    words: Array,
    end: int,
    classes: Array,
    class_ends: Array,
    ids: Array,
    bits: Array,
    high_powers: Array,
    low_powers: Array,
) -> int:
    """Read whole lines of an integer and numbers or classes; how many lines, -1 where one is unusual.

    Parameters
    ----------
    data : ndarray of uint8, shape (n,)
        ``data[end - 1]`` is a newline; at least 8 bytes more must follow.
    words : ndarray of uint64, shape (n - 7,)
        The eight bytes from each place of ``data`` on, the first in the lowest byte.
    classes, class_ends : ndarray of uint8, int64
        The classes written one after another, and where each ends; no classes where fields are numbers.
    ids : ndarray of int64, shape (n_lines,)
    bits : ndarray of uint64, shape (n_columns, n_lines)
        The bits of float64, or class codes.
    """
    place, line, stop = U(0), 0, U(end)
    while place < stop:
        is_negative = data[place] == MINUS
        key, place = _integer(words, place + U(is_negative))
        if key < 0:
            return -1
        ids[line] = -key if is_negative else key
        for column in range(len(bits)):
            if data[place] != COMMA:
                return -1
            place += U(1)
            if len(class_ends):
                code, place = _class(data, place, classes, class_ends)
                if code < 0:
                    return -1
                bits[column, line] = U(code)
                continue
            is_negative = data[place] == MINUS
            digits, power, place = _decimal(data, words, place + U(is_negative))
            if power < -MAX_POWER or power > MAX_POWER:
                return -1
            pattern = NONE
            if digits != NONE:
                at = power + MAX_POWER
                pattern = nearest(digits, power, high_powers[at], low_powers[at])
                if pattern == NONE:
                    return -1
            bits[column, line] = pattern | (U(is_negative) << U(63))
        if data[place] == RETURN:
            place += U(1)
        if data[place] != NEWLINE:
            return -1
        place += U(1)
        line += 1
    return line


# Places are unsigned: numpy's negative indices would cost another test for each byte.
# A newline is neither digit nor point nor comma, so none of these runs past the end of the last line.
@njit(boundscheck=True, inline="always")
def _digits(words: Array, place: Word, value: Word) -> tuple[Word, Word]:
    """``value`` with the digits from a place on appended, modulo 2**64, and where they end.

    Eight at a time. That all eight are digits is guessed right nearly always, so the processor works
    ahead; how many of the last eight are is as good as random, and so not a branch.
    """
    while True:
        # Digits become 0 to 9, and the first byte that is more gets its high bit set.
        word = words[place] ^ ALL_ZEROS
        high = ((word + PAST_NINE) | word) & HIGH_BITS
        if high != NONE:
            break
        value = value * POWERS[8] + _number(word)
        place += U(8)
    n_digits = ((((high - U(1)) & ~high & LOW_BITS) * LOW_BITS) >> U(56)) - U(1)
    first = (word << U(1)) << (U(63) - U(8) * n_digits)
    return value * POWERS[n_digits] + _number(first), place + n_digits


@njit(inline="always")
def _number(word: Word) -> Word:
    """The number that eight bytes of 0 to 9 spell: pairs, then fours, then eight.

    References
    ----------
    D. Lemire, Quickly parsing eight digits, https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits/
    """
    word = word * U(10) + (word >> U(8))
    return ((word & PAIRS) * TENS + ((word >> U(16)) & PAIRS) * ONES) >> U(32)


@njit(boundscheck=True, inline="always")
def _integer(words: Array, first: Word) -> tuple[int, Word]:
    """An unsigned integer and where it ends; -1 where it is none, or not sure to fit int64."""
    value, end = _digits(words, first, U(0))
    return (INT(value) if 0 < INT(end - first) <= MAX_INTEGER_DIGITS else INT(-1)), end


@njit(boundscheck=True, inline="always")
def _decimal(data: Array, words: Array, first: Word) -> tuple[Word, int, Word]:
    """A number as digits * 10**power, and where it ends; 1 and a power out of range where it is unusual."""
    digits, place = U(data[first]) - U(ZERO), first + U(1)
    if digits > U(9) or data[place] != POINT:  # else one digit, as in probabilities: the quick way
        digits, place = _digits(words, first, U(0))
    n_digits, power = INT(place - first), INT(0)
    if n_digits == 0:
        return U(1), INT(MAX_POWER + 1), place
    if data[place] == POINT:
        point = place + U(1)
        digits, place = _digits(words, point, digits)
        power = -INT(place - point)
        n_digits -= power
    if n_digits > MAX_DIGITS and n_digits - _leading_zeros(data, first) > MAX_DIGITS:
        return U(1), INT(MAX_POWER + 1), place
    if data[place] | 32 == SMALL_E:
        sign = data[place + U(1)]
        exponent, place = _integer(words, place + U(1) + U(sign in (PLUS, MINUS)))
        if exponent < 0:
            return U(1), INT(MAX_POWER + 1), place
        power = power - exponent if sign == MINUS else power + exponent
    return digits, power, place


@njit(boundscheck=True)
def _leading_zeros(data: Array, place: Word) -> int:
    n_zeros = 0
    while data[place] == ZERO or data[place] == POINT:
        n_zeros += data[place] == ZERO
        place += U(1)
    return n_zeros


@njit(boundscheck=True, inline="always")
def _class(data: Array, first: Word, classes: Array, class_ends: Array) -> tuple[int, Word]:
    """The code of the class that a field spells exactly, and where the field ends; -1 for none."""
    end = first
    while data[end] != COMMA and data[end] != NEWLINE and data[end] != RETURN:
        end += U(1)
    start = 0
    for code in range(len(class_ends)):
        if class_ends[code] - start == INT(end - first) and _are_same(
            data, first, classes, start, INT(end - first)
        ):
            return code, end
        start = class_ends[code]
    return -1, end


@njit(boundscheck=True, inline="always")
def _are_same(data: Array, at: Word, classes: Array, start: int, n_bytes: int) -> bool:
    for i in range(n_bytes):  # noqa: SIM110 (it is compiled)
        if data[at + U(i)] != classes[start + i]:
            return False
    return True
