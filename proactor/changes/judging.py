"""Whether a draft will do: the values of every processor that it touches, and the words of who wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from ..config.admitted import ADMISSION, nobody
from ..config.checks import CheckLaunch, SectionValues, check_job, check_options
from ..config.document import Setting
from ..config.draft import Draft
from ..config.job_settings import OF_JOBS
from ..config.layers import Layers, View
from ..config.live import LiveConfiguration
from ..config.settings import InitiatorSettings, module_sections
from ..errors import ConfigError
from ..options import Options
from ..spelling import slip_of
from .declared import Declared

__all__ = ["check_names", "check_spelling", "checker"]


def checker(
    settings: InitiatorSettings, declared: Declared, check_launch: CheckLaunch
) -> Callable[[str, View, Layers], None]:
    """A check of processors' values that looks at each view once for all that share it and declared the same.

    :param settings: the initiator's as they are to be.
    :return: it raises :class:`ConfigError` for the first value that is wrong.
    """
    # With what the ids are of, or they could be another's later.
    seen: dict[tuple[int, int], tuple[View, Options]] = {}

    def check(guid: str, view: View, layers: Layers) -> None:
        own = declared.of(guid)
        key = (id(view), id(own))
        if key not in seen:
            found = SectionValues(layers.document.source, guid, view.values, view.secrets, partial(layers.origin, guid))
            check_job(found, settings.token_ttl, check_launch)
            check_options(own.declared, found)
            seen[key] = view, own

    return check


def check_spelling(draft: Draft, live: LiveConfiguration, declared: Declared) -> None:
    """See that in an operator's edit no name, of an option or of who may call, is most likely a slip.

    :raises ConfigError: one is.
    """
    members = live.members()
    for section, edited in draft.edited.items():
        module = live.member(section).module if section in members else section
        if module in module_sections(draft.layers):
            new = {name: after.text for name, (before, after) in edited.items() if before is None and after}
            check_names(module, new, live.layers, declared.of_module(module).names)
        _check_admitted(section, edited, draft.layers)


def check_names(module: str, names: Iterable[str], layers: Layers, declared: Iterable[str]) -> None:
    """See that options that somebody gives to processors of a module are called as he means.

    :param declared: those that such processors take.
    :raises ConfigError: one is nearly called like one that there is.
    """
    known = {*OF_JOBS, *layers.options(module), *declared}
    for name in names:
        near = slip_of(name, known)
        if near is not None:
            own = f"have it stand in [{module}] of {layers.document.source}"
            raise ConfigError(f"is not known; is {near} meant? Else {own}", section=module, option=name)


def _check_admitted(section: str, edited: Mapping[str, tuple[Setting | None, Setting | None]], layers: Layers) -> None:
    for name in ADMISSION & edited.keys():
        after = edited[name][1]
        for who, near in nobody(layers, name, after.text or "") if after is not None else ():
            if near is not None:
                raise ConfigError(
                    f"no section declares the module {who}; is {near} meant?", section=section, option=name
                )
