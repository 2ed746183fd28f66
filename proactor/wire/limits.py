"""What a connection may take."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limits:
    """Sizes in bytes; times in seconds, each an absolute one, however the bytes trickle.

    :param body: of a request, where its route does not say otherwise.
    :param header: of a request line and its headers together.
    :param header_lines: how many headers that may be.
    :param header_time: from the first byte of a request, and for the first one of a connection from its accept,
        to the end of its headers.
    :param body_time: from there to the end of its body.
    :param idle_time: how long a connection may wait for its next request.
    :param retire_time: how long a connection may take to begin its first request once the site drains: who has just
        connected cannot know of that; one that has had an answer, a tenth of it.
    :param flush_time: how long the last answer of a connection may take to leave.
    :param linger_time: how long, after that, the peer may take to read it and to close.
    :param linger_bytes: how much of what the peer still sends meanwhile is read, to be dropped.
    :param unauthenticated: connections that nobody has vouched for.
    """

    body: int = 64 * 1024
    header: int = 16 * 1024
    header_lines: int = 100
    header_time: float = 10.0
    body_time: float = 30.0
    idle_time: float = 60.0
    retire_time: float = 1.0
    flush_time: float = 60.0
    linger_time: float = 5.0
    linger_bytes: int = 16 * 1024 * 1024
    unauthenticated: int = 256


DEFAULT_LIMITS = Limits()
