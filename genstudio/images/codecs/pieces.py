"""A file made of pieces of another, without a copy: so that a decoder is shown the pixels and no more."""

import bisect
import io
import itertools
from collections.abc import Sequence
from typing import IO


class Pieces(io.RawIOBase):
    """Reads pieces, (start, end) in a seekable file or bytes, as one file."""

    def __init__(self, file: IO[bytes], pieces: Sequence[tuple[int, int] | bytes]) -> None:
        super().__init__()
        self._file = file
        self._pieces = [piece for piece in pieces if _length(piece)]
        self._begins = [0, *itertools.accumulate(map(_length, self._pieces))]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._begins[-1]}[whence]
        if at < 0:
            raise ValueError("expected a place in the file, found one before it")
        self._at = at
        return at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        index = bisect.bisect_right(self._begins, self._at) - 1
        if index >= len(self._pieces):
            return 0
        piece, within = self._pieces[index], self._at - self._begins[index]
        if isinstance(piece, bytes):
            data = piece[within : within + len(buffer)]
        else:
            self._file.seek(piece[0] + within)
            data = self._file.read(min(len(buffer), piece[1] - piece[0] - within))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _length(piece: tuple[int, int] | bytes) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


def pieces(file: IO[bytes], parts: Sequence[tuple[int, int] | bytes]) -> io.BufferedReader:
    """The parts as one file, read in larger steps."""
    return io.BufferedReader(Pieces(file, parts), 1 << 16)
