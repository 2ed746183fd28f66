"""The initiator is away: noticed by all who look who is ready, and told once for all of them."""

from __future__ import annotations

from attrs import define, field

__all__ = ["Outage"]


@define(eq=False)
class Outage:
    """Who of them has trouble."""

    _troubled: set[object] = field(factory=set)

    def began(self, who: object) -> bool:
        """One has; whether it is the first."""
        is_first = not self._troubled
        self._troubled.add(who)
        return is_first

    def ended(self, who: object) -> bool:
        """One has no more, or looks no more; whether it was the last."""
        if who not in self._troubled:
            return False
        self._troubled.remove(who)
        return not self._troubled
