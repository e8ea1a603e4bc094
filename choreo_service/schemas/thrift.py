"""Thrift's compact protocol, as far as Parquet's footers and page headers need it.

pyarrow's own access to the columns of a footer ends the process where a damaged one contradicts itself.
Format: thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Fields = dict[int, Any]  # value by field number: int, bytes, list, Fields, bool or None
Plan = Mapping[int, Any]  # by field number: a Plan for the structs of a list, or what makes something of each of them

MOST_ITEMS: Final = 1 << 20  # of all lists together; a column in a row group has about eight

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12  # types of the protocol
_INTEGERS: Final = (4, 5, 6)
_BITS: Final = 64  # of the longest number; more would be another one to Arrow, which cuts it
_DEPTH: Final = 8  # of structs and lists; a footer has six


def read_struct(data: bytes, plan: Plan | None = None) -> tuple[Fields, int]:
    """(fields, length) of the struct that `data` begin with; ValueError where there is none, or where its lists have
    more than MOST_ITEMS: an item may be a single byte, and hundreds of them in memory. What `plan` makes of an item
    takes its place at once."""
    reader = _Reader(data)
    try:
        return reader.struct(_DEPTH, plan or {}), reader.at
    except IndexError:
        raise ValueError("Thrift ends in the middle") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0
        self._items = MOST_ITEMS

    def struct(self, depth: int, plan: Plan) -> Fields:
        fields: Fields = {}
        number = 0
        data = self._data
        while head := data[self.at]:
            self.at += 1
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields[number] = (
                kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth, plan.get(number, {}))
            )
        self.at += 1
        return fields

    def _value(self, kind: int, depth: int, plan: Plan | Callable[[Fields], Any]) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._take(self._varint())
        if depth and kind == _STRUCT:
            return plan(self.struct(depth - 1, {})) if callable(plan) else self.struct(depth - 1, plan)
        if depth and kind in (_LIST, _SET):
            return self._list(depth - 1, plan)
        if kind in (_TRUE, _FALSE, _BYTE, _DOUBLE):  # in a list a truth value is a byte
            self.at += 8 if kind == _DOUBLE else 1
            return None
        raise ValueError(f"Thrift of type {kind}, or nested too deeply")

    def _list(self, depth: int, plan: Plan | Callable[[Fields], Any]) -> list[Any]:
        head = self._data[self.at]
        self.at += 1
        size, kind = head >> 4, head & 15
        if size == 15:
            size = self._varint()
        self._items -= size
        if self._items < 0:  # before any is looked at: each takes memory, and those without a value not even a byte
            raise ValueError(f"Thrift with lists of more than {MOST_ITEMS} items")
        return [self._value(kind, depth, plan) for _ in range(size)]

    def _take(self, length: int) -> bytes:
        begin, self.at = self.at, self.at + length
        return self._data[begin : self.at]

    def _integer(self) -> int:
        """Zigzag: the sign is the lowest bit."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        data, at, value = self._data, self.at, 0
        for shift in range(0, _BITS, 7):
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128 and not value >> _BITS:
                self.at = at
                return value
        raise ValueError(f"Thrift with a number of more than {_BITS} bits")
