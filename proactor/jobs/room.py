"""Whether there is room for as many processors as sections say are to be kept running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from attrs import frozen

from ..config.checks import SectionValues
from ..config.job_settings import instances
from ..config.layers import Layers
from ..config.settings import InitiatorSettings, module_sections
from ..errors import Conflict

__all__ = ["check_room"]

_OPTION = "instances"


@frozen
class _Limit:
    """How many there may be, and why.

    :param counts: whether a module's processors count.
    """

    most: int
    name: str
    remedy: str
    counts: Callable[[str], bool]

    def sum(self, numbers: Mapping[str, int]) -> int:
        """How many of them count."""
        return sum(number for section, number in numbers.items() if self.counts(section))


def check_room(
    before: Layers, after: Layers, section: str, settings: InitiatorSettings, there: Mapping[str, int]
) -> None:
    """See that an edit that has more processors of a module kept running has room for them.

    :param settings: the initiator's as they are behind it.
    :param there: how many processors there are, by module section.
    :raises ConfigError: they alone are too many.
    :raises Conflict: there is no room beside the others.
    """
    wanted = instances(after, section)
    if wanted is None:
        return
    now = {**there, **_kept(before)}
    then = {**there, **_kept(after)}
    for limit in _limits(after, section, settings):
        if wanted > limit.most:
            found = SectionValues(
                after.document.source, section, {_OPTION: str(wanted)}, (), partial(after.origin, section)
            )
            raise found.wrong(_OPTION, f"must be <= {limit.most}, which is {limit.name}")
        total = limit.sum(then)
        if total > limit.most and total > limit.sum(now):
            others = total - wanted
            left = max(0, limit.most - others)
            raise Conflict(
                f"[{section}] {_OPTION} = {wanted}: {limit.name} leaves room for {left} beside {others} others; "
                f"delete some of them, or {limit.remedy}"
            )


def _kept(layers: Layers) -> dict[str, int]:
    found = ((section, instances(layers, section)) for section in module_sections(layers))
    return {section: number for section, number in found if number is not None}


def _limits(layers: Layers, section: str, settings: InitiatorSettings) -> list[_Limit]:
    ports = settings.child_port_max - settings.child_port_min + 1
    resolver = layers.resolver()

    def address(each: str) -> str:
        resolved = resolver.resolve(each, "listen_addr") if layers.exists(each) else None
        return settings.listen_addr if resolved is None else resolved.text

    where = f"{settings.child_port_min} to {settings.child_port_max}"
    return [
        _Limit(settings.max_jobs, f"max_jobs = {settings.max_jobs}", "raise max_jobs", lambda _: True),
        _Limit(
            ports,
            f"the number of ports from {where}",
            "start the initiator with child_port_min and child_port_max further apart",
            lambda each: address(each) == address(section),
        ),
    ]
