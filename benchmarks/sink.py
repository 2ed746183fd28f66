"""A processor that takes any message, and does nothing with it."""

from __future__ import annotations

from proactor import Message, Processor, message


class Sink(Processor):
    """Takes them."""

    @message
    def take(self, event: Message) -> None:
        """Take one."""


if __name__ == "__main__":
    Sink.main()
