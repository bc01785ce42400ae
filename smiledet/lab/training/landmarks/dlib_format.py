"""dlib's `shape_predictor` file with shorter numbers.

Format: dlib's `serialize.h`, `image_processing/shape_predictor.h` (version 1) and `float_details.h`. A whole number is
a byte that counts its bytes, its top bit the sign, then the bytes, lowest first. A fraction is mantissa and exponent of
two, each such a whole number: 6 bytes as dlib writes a float32, 4 with a mantissa that fits a byte. What leaves hold
are thousands of small steps that are added up, so a byte's mantissa costs them nothing that can be seen, and the file
is a third smaller.
"""

from __future__ import annotations

VERSION = 1
SIGN = 0x80
MANTISSA_BITS = 8


def whole(value: int) -> bytes:
    """A whole number.

    >>> whole(1).hex(), whole(-68).hex(), whole(300).hex(), whole(0).hex()
    ('0101', '8144', '022c01', '0100')
    """
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (SIGN if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def short(mantissa: int, exponent: int) -> bytes:
    """The nearest fraction to mantissa * 2 ** exponent with a mantissa of `MANTISSA_BITS`.

    >>> short(-3, -2).hex(), short(0x123456, -20).hex()
    ('81038102', '01928107')
    """
    surplus = abs(mantissa).bit_length() - MANTISSA_BITS
    if surplus <= 0:
        return whole(mantissa) + whole(exponent)
    near = (abs(mantissa) + (1 << (surplus - 1))) >> surplus
    if near >> MANTISSA_BITS:  # rounded up to the next power of two
        near, surplus = near >> 1, surplus + 1
    return whole(-near if mantissa < 0 else near) + whole(exponent + surplus)


class _Reader:
    """Goes through a file; `place` is where it has come to."""

    def __init__(self, data: bytes) -> None:
        self._data, self.place = data, 0

    def whole(self) -> int:
        head = self._data[self.place]
        end = self.place + 1 + (head & ~SIGN)
        if end > len(self._data):
            raise IndexError(end)
        value = int.from_bytes(self._data[self.place + 1 : end], "little")
        self.place = end
        return -value if head & SIGN else value

    def skip_fraction(self) -> None:
        for _ in range(2):
            self.place += 1 + (self._data[self.place] & ~SIGN)

    def skip_column(self) -> int:
        """Read a column's head, its sizes negated as dlib writes them; returns how many numbers follow."""
        rows, columns = self.whole(), self.whole()
        if rows >= 0 or columns != -1:
            raise ValueError(f"expected a matrix of one column at byte {self.place}")
        return -rows


def shorten_leaves(data: bytes) -> bytes:
    """A shape predictor whose leaves have mantissas of `MANTISSA_BITS`; all else stays byte for byte.

    Args:
        data: What `dlib.shape_predictor.save` wrote.

    Raises:
        ValueError: It is something else.
    """
    reader = _Reader(data)
    try:
        return b"".join(_shortened(reader, data))
    except IndexError:
        raise ValueError("the file ends before its trees do") from None


def _shortened(reader: _Reader, data: bytes) -> list[bytes]:
    if (version := reader.whole()) != VERSION:
        raise ValueError(f"a shape predictor of version {version}, expected {VERSION}")
    for _ in range(reader.skip_column()):
        reader.skip_fraction()
    parts, kept = [], 0
    for _ in range(reader.whole()):  # levels of the cascade
        for _ in range(reader.whole()):  # trees
            for _ in range(reader.whole()):  # splits: two pixels and a threshold
                reader.whole()
                reader.whole()
                reader.skip_fraction()
            for _ in range(reader.whole()):  # leaves
                count = reader.skip_column()
                parts.append(data[kept : reader.place])
                parts += [short(reader.whole(), reader.whole()) for _ in range(count)]
                kept = reader.place
    parts.append(data[kept:])
    return parts
