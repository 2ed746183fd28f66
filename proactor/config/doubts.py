"""What holds in a file and is most likely not meant: misspelt options and sections, and what nobody reads."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from ..options import is_steering
from ..spelling import slip_of
from .admitted import ADMISSION, nobody
from .document import Document, Setting
from .grammar import DEFAULT, INITIATOR, PROCESSOR, importable, is_guid, is_initiator
from .interpolation import Malformed, Reference, template
from .job_settings import OF_JOBS, instances
from .layers import Layers
from .settings import INITIATOR_OPTIONS, InitiatorSettings, module_sections

__all__ = ["doubts", "place"]

_OF_INITIATORS = frozenset(option.name for option in INITIATOR_OPTIONS)
_OWN_SECTIONS = frozenset((DEFAULT, INITIATOR, PROCESSOR))


def doubts(document: Document, settings: InitiatorSettings, guid: str) -> Iterator[str]:
    """Each with its place, and what may be meant.

    :param guid: the section that the initiator runs by.
    """
    layers = Layers(document)
    modules = module_sections(layers)
    found = [
        *_misspelt(document, guid, modules),
        *_misspelt_sections(document, modules),
        *_steered(document, modules),
        *_nobody_let_in(layers, modules),
        *_without_effect(document),
        *_unread(document, modules),
        *_too_many(layers, settings, modules),
    ]
    yield from (text for _, text in sorted(found, key=itemgetter(0)))


_Doubt = tuple[int, str]


def place(setting: Setting, section: str, option: str) -> str:
    """Where an option stands, as errors have it."""
    line = "" if setting.line is None else f":{setting.line}"
    return f"{setting.source}{line} [{section}] {option}"


def _misspelt(document: Document, guid: str, modules: list[str]) -> Iterator[_Doubt]:
    for section, options in {DEFAULT: document.defaults, **document.sections}.items():
        if section == DEFAULT:
            known = _OF_INITIATORS | OF_JOBS
        elif section == guid or is_initiator(section):
            known = _OF_INITIATORS
        elif section in modules:
            known = OF_JOBS
        else:
            continue
        for name, setting in options.items():
            near = None if name in _OF_INITIATORS | OF_JOBS else slip_of(name, known)
            if near is not None:
                yield setting.line or 0, f"{place(setting, section, name)}: is {near} meant?"


def _misspelt_sections(document: Document, modules: list[str]) -> Iterator[_Doubt]:
    """Sections that are called nearly as those that are not a module's of their own."""
    for section in modules:
        near = slip_of(section, _OWN_SECTIONS)
        if near is not None and importable(section) not in _OWN_SECTIONS:
            line = document.lines.get(section, 0)
            yield line, f"{document.source}:{line} [{section}]: is {near} meant?"


def _steered(document: Document, modules: list[str]) -> Iterator[_Doubt]:
    """What each processor is told by the initiator, whatever its module's section says."""
    for section in modules:
        for name, setting in document.sections[section].items():
            if is_steering(name) and name != "command":
                problem = "is not read here: the initiator sets it for each processor"
                yield setting.line or 0, f"{place(setting, section, name)}: {problem}"


def _nobody_let_in(layers: Layers, modules: list[str]) -> Iterator[_Doubt]:
    """Modules that there are not, among those who may call a processor or have its scopes."""
    for section in (DEFAULT, *modules):
        own = layers.document.defaults if section == DEFAULT else layers.document.sections[section]
        for name in ADMISSION & own.keys():
            resolved = layers.check_section(section)[name]
            for who, near in () if resolved.secret else nobody(layers, name, resolved.text):
                remedy = f"is {near} meant?" if near else f"declared are: {', '.join(modules) or 'none'}"
                problem = f"no section declares the module {who}; {remedy}"
                yield own[name].line or 0, f"{place(own[name], section, name)}: {problem}"


def _without_effect(document: Document) -> Iterator[_Doubt]:
    setting = document.defaults.get("instances")
    if setting is not None:
        yield setting.line or 0, f"{place(setting, DEFAULT, 'instances')}: is read of the sections of modules alone"


def _unread(document: Document, modules: list[str]) -> Iterator[_Doubt]:
    """Sections of which nobody reads anything: no module's, and referred to by none."""
    read = {DEFAULT, *modules, *_referred(document)}
    for section in document.sections:
        if section not in read and not is_guid(section) and not is_initiator(section):
            line = document.lines.get(section, 0)
            problem = (
                "nobody reads this section: its name is no module's, it has no command, and no option refers to it"
            )
            yield line, f"{document.source}:{line} [{section}]: {problem}"


def _referred(document: Document) -> Iterator[str]:
    for options in (document.defaults, *document.sections.values()):
        for setting in options.values():
            try:
                pieces = template(setting.text or "")
            except Malformed:
                continue
            yield from (piece.section for piece in pieces if isinstance(piece, Reference) and piece.section)


def _too_many(layers: Layers, settings: InitiatorSettings, modules: list[str]) -> Iterator[_Doubt]:
    total = 0
    ports = settings.child_port_max - settings.child_port_min + 1
    limits = ((settings.max_jobs, "max_jobs"), (ports, "the number of ports from child_port_min to child_port_max"))
    most, name = min(limits)
    for section in modules:
        wanted, setting = instances(layers, section), layers.document.option(section, "instances")
        total += wanted or 0
        if wanted and total > most and setting is not None:
            problem = f"with it {total} are to be kept running, and there can be {most}, which is {name}"
            yield setting.line or 0, f"{place(setting, section, 'instances')} = {wanted}: {problem}"
