"""Plain CSV to numbers, compiled; knows no ids and no limits. Importing it takes half a second: see `_quick`.

It takes what pandas and its like write, and stops at anything else: nothing is judged here. Each access
to an array is checked (``boundscheck``): the bytes are a stranger's.
"""

from __future__ import annotations

from numba import njit

from kit.metrics import Array
from kit.predictions._decimals import EXACT_POWERS, INT, MAX_EXACT_POWER, MAX_POWER, NONE, U, Word, nearest

NEWLINE, RETURN, COMMA, PLUS, MINUS, POINT, ZERO, SMALL_E = 10, 13, 44, 43, 45, 46, 48, 101
MAX_INTEGER_DIGITS = 18
MAX_DIGITS = 19
MAX_EXACT = U(1 << 53)
SIGN = U(1 << 63)


@njit(nogil=True, boundscheck=True)
def parse(
    data: Array,
    start: int,
    end: int,
    classes: Array,
    class_ends: Array,
    ids: Array,
    floats: Array,
    bits: Array,
    high_powers: Array,
    low_powers: Array,
) -> int:
    """Read whole lines of an integer and numbers or classes; how many lines, -1 where one is unusual.

    Parameters
    ----------
    data : ndarray of uint8
        ``data[end - 1]`` is a newline.
    classes, class_ends : ndarray of uint8, int64
        The classes written one after another, and where each ends; no classes where fields are numbers.
    ids : ndarray of int64, shape (n_lines,)
    floats, bits : ndarray of float64, uint64, shape (n_columns, n_lines)
        Two views of the same memory, for the numbers or class codes.
    """
    place, line, stop = U(start), 0, U(end)
    while place < stop:
        is_negative = data[place] == MINUS
        key, place = _integer(data, place + U(is_negative))
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
            digits, power, place = _decimal(data, place + U(is_negative))
            if digits <= MAX_EXACT and -MAX_EXACT_POWER <= power <= MAX_EXACT_POWER:
                value = float(digits)
                value = value / EXACT_POWERS[-power] if power < 0 else value * EXACT_POWERS[power]
                floats[column, line] = -value if is_negative else value
                continue
            if digits == NONE or power < -MAX_POWER or power > MAX_POWER:
                return -1
            pattern = nearest(digits, power, high_powers, low_powers)
            if pattern == NONE:
                return -1
            bits[column, line] = pattern | SIGN if is_negative else pattern
        if data[place] == RETURN:
            place += U(1)
        if data[place] != NEWLINE:
            return -1
        place += U(1)
        line += 1
    return line


# Places are unsigned: numpy's negative indices would cost another test for each byte.
# A newline is neither digit nor point nor comma, so none of these runs past the end of the last line.
@njit(boundscheck=True)
def _integer(data: Array, first: Word) -> tuple[int, Word]:
    """An unsigned integer and where it ends; -1 where it is none, or not sure to fit int64."""
    end, value = first, 0
    while data[end] >= ZERO and data[end] <= ZERO + 9:
        value = value * 10 + INT(data[end] - ZERO)
        end += U(1)
    return (value if 0 < INT(end - first) <= MAX_INTEGER_DIGITS else -1), end


@njit(boundscheck=True)
def _decimal(data: Array, first: Word) -> tuple[Word, int, Word]:
    """A number as digits * 10**power, and where it ends; 1 and a power out of range where it is unusual."""
    digits, place, power = U(0), first, 0
    while data[place] >= ZERO and data[place] <= ZERO + 9:
        digits = digits * U(10) + U(data[place] - ZERO)
        place += U(1)
    n_digits = INT(place - first)
    if n_digits == 0:
        return U(1), MAX_POWER + 1, place
    if data[place] == POINT:
        place += U(1)
        point = place
        while data[place] >= ZERO and data[place] <= ZERO + 9:
            digits = digits * U(10) + U(data[place] - ZERO)
            place += U(1)
        power = -INT(place - point)
        n_digits -= power
    if n_digits > MAX_DIGITS and n_digits - _leading_zeros(data, first) > MAX_DIGITS:
        return U(1), MAX_POWER + 1, place
    if data[place] | 32 == SMALL_E:
        sign = data[place + U(1)]
        exponent, place = _integer(data, place + U(1) + U(sign in (PLUS, MINUS)))
        if exponent < 0:
            return U(1), MAX_POWER + 1, place
        power = power - exponent if sign == MINUS else power + exponent
    return digits, power, place


@njit(boundscheck=True)
def _leading_zeros(data: Array, place: Word) -> int:
    n_zeros = 0
    while data[place] == ZERO or data[place] == POINT:
        n_zeros += data[place] == ZERO
        place += U(1)
    return n_zeros


@njit(boundscheck=True)
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


@njit(boundscheck=True)
def _are_same(data: Array, at: Word, classes: Array, start: int, n_bytes: int) -> bool:
    for i in range(n_bytes):  # noqa: SIM110 (it is compiled)
        if data[at + U(i)] != classes[start + i]:
            return False
    return True
