"""Choosing processors: by guid, or by label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..config.grammar import is_guid
from ..config.settings import declared_module, module_sections
from ..errors import Refused
from ..initiator import Initiator
from ..model import Job, State
from ..spelling import nearest

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9_.:/@-]{0,63}")


def labels(given: Mapping[str, str]) -> Mapping[str, str]:
    """Labels that are fit to be chosen by.

    :raises Refused: says which is not, and what would be.
    """
    for name, value in given.items():
        if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
            problem = "a label's name and value are up to 63 letters, digits and _ . / - (a value also : @)"
            raise Refused(f"labels.{name[:64]}: {problem}")
    return given


def has_label(job: Job, label: str) -> bool:
    """Whether a job has a label, of a value if one is named: ``role`` or ``role=canary``."""
    name, equals, value = label.partition("=")
    return name in job.labels and (not equals or job.labels[name] == value)


def chosen(initiator: Initiator, selectors: Iterable[str]) -> list[str]:
    """The guids that are meant by ``GUID``, ``label:NAME`` or ``label:NAME=VALUE``.

    :raises Refused: a selector is of another form, or means nobody.
    """
    guids: dict[str, None] = {}
    for selector in selectors:
        found = _meant(initiator, selector)
        if not found:
            raise Refused(f"first: {selector[:100]!r} means no processor: {_why(selector)}")
        guids |= dict.fromkeys(found)
    return list(guids)


def _why(selector: str) -> str:
    """Why it means nobody."""
    if is_guid(selector):
        return "none has that guid"
    kind, _, label = selector.partition(":")
    if kind == "label" and label:
        return "none has that label"
    return "a guid, label:NAME or label:NAME=VALUE is right"


def _meant(initiator: Initiator, selector: str) -> list[str]:
    if is_guid(selector):
        return [selector] if selector in initiator.fleet.jobs else []
    kind, _, label = selector.partition(":")
    if kind != "label" or not label:
        return []
    return [guid for guid, job in initiator.fleet.jobs.items() if has_label(job, label)]


def check_module(initiator: Initiator, name: str) -> None:
    """See that a module is declared, or that a job runs it still.

    :raises Refused: neither; says which may be meant.
    """
    layers = initiator.configurator.live.layers
    if declared_module(layers, name) is None and not initiator.fleet.of_module(name):
        there_are = module_sections(layers)
        near = nearest(name, there_are)
        remedy = f"is {near[0]} meant?" if near else f"declared are: {', '.join(there_are) or 'none'}"
        raise Refused(f"module {name[:100]!r} is not declared, and no job runs it; {remedy}")


def selected(initiator: Initiator, state: str | None, module: str | None, wanted: Iterable[str]) -> list[Job]:
    """The jobs of a state, a module and some labels, each where it is named.

    :raises Refused: there is no such state, or no such module.
    """
    if state is not None and state not in [each.value for each in State]:
        raise Refused(f"state: there is no {state[:64]!r}; there are: {', '.join(each.value for each in State)}")
    if module is not None:
        check_module(initiator, module)
    jobs = initiator.fleet.jobs.values() if module is None else initiator.fleet.all_of_module(module)
    labels_ = tuple(wanted)
    return [job for job in jobs if state in (None, job.state.value) and all(has_label(job, label) for label in labels_)]
