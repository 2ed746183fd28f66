"""A picture of the Mandelbrot set, computed by all that there are, in pieces; it is right whoever dies meanwhile.

As a program it computes the same picture in one process: ``python mandelbrot.py --picture 320x240 > picture.png``.
"""

from __future__ import annotations

import struct
import sys
import zlib

from klein import Klein
from twisted.internet.defer import DeferredSemaphore, gatherResults
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from proactor import Option, Processor

#: What is shown of the plane, how far it is computed, how many rows are one piece, and how long all may take.
LEFT, RIGHT, TOP, BOTTOM = -2.2, 0.8, -1.2, 1.2
MOST, PIECE, PATIENCE = 200, 4, 120.0


def row(y: int, width: int, height: int) -> bytes:
    """Compute one row: red, green and blue of each pixel."""
    imaginary = TOP + (BOTTOM - TOP) * y / height
    return b"".join(_colour(_steps(complex(LEFT + (RIGHT - LEFT) * x / width, imaginary))) for x in range(width))


def _steps(c: complex) -> int:
    z = 0j
    for step in range(MOST):
        z = z * z + c
        if z.real * z.real + z.imag * z.imag > 4:
            return step
    return MOST


def _colour(steps: int) -> bytes:
    return bytes(3) if steps == MOST else bytes((steps * 5 % 256, steps * 9 % 256, 64 + steps * 13 % 192))


def png(width: int, height: int, rows: bytes) -> bytes:
    """Make a PNG of rows of pixels (RFC 2083)."""
    lines = b"".join(b"\0" + rows[at : at + 3 * width] for at in range(0, len(rows), 3 * width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(chunk: tuple[bytes, bytes]) -> bytes:
    kind, data = chunk
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(width: int, height: int) -> bytes:
    """Compute the whole in this process."""
    return png(width, height, b"".join(row(y, width, height) for y in range(height)))


def _number(request: IRequest, name: str, default: int, most: int, least: int = 0) -> int:
    """Read a parameter of the query: a whole number from the least up to the most there may be."""
    text = (request.args or {}).get(name.encode(), [str(default).encode()])[0]
    return max(least, min(int(text), most)) if text.isdigit() else default


class Painter(Processor):
    """``GET /rows`` computes a piece; ``GET /picture.png`` has the others compute all, and puts them together."""

    app = Klein()
    options = (
        Option("at_once", int, 8, minimum=1, maximum=64, help="How many pieces of a picture are under way at a time."),
        Option("rest", float, 0.0, minimum=0, maximum=1, help="Seconds of rest after each row."),
    )

    @app.route("/rows", methods=["GET"])
    async def rows(self, request: IRequest) -> bytes:
        """Compute some rows, one in each turn of the reactor, so that everything else goes on."""
        width, height = _number(request, "width", 320, 4096, 1), _number(request, "height", 240, 4096, 1)
        first, computed = _number(request, "first", 0, height), b""
        for y in range(first, min(first + _number(request, "count", PIECE, 64), height)):
            computed += row(y, width, height)
            await deferLater(self.reactor, self.config.rest)
        return computed

    @app.route("/picture.png", methods=["GET"])
    async def picture(self, request: IRequest) -> bytes:
        """Have it computed; a piece that comes to nothing with one is computed by another."""
        width, height = _number(request, "width", 320, 4096, 1), _number(request, "height", 240, 4096, 1)
        turns = DeferredSemaphore(self.config.at_once)
        firsts = range(0, height, PIECE)
        pieces = await gatherResults([turns.run(self._piece, first, width, height) for first in firsts])
        request.setHeader(b"Content-Type", b"image/png")
        return png(width, height, b"".join(pieces))

    async def _piece(self, first: int, width: int, height: int) -> bytes:
        where = {"first": str(first), "count": str(PIECE), "width": str(width), "height": str(height)}
        reply = await self.peers.request(
            "mandelbrot", "GET", "/rows", params=where, timeout=PATIENCE, try_timeout=10, attempts=50
        )
        return reply.check().body


if __name__ == "__main__":
    if "--picture" in sys.argv:
        wide, _, high = sys.argv[-1].partition("x")
        sys.stdout.buffer.write(picture(int(wide), int(high)))
    else:
        Painter.main()
