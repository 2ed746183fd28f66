"""Whether sections hold good values of the options that every processor may have, and of those that it declared.

And whether what a section comes to is little enough to be told to a processor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from attrs import frozen

from ..errors import ConfigError, Refused, Rejected
from ..extent import MOST_SECTION, extent
from ..options import Option, secret_globs
from .document import Setting
from .grammar import DEFAULT, REDACTED
from .job_settings import JOB_OPTIONS, LATEST, YEAR, check_watchdog, check_words, refresh
from .layers import Layers
from .settings import module_sections

__all__ = ["CheckLaunch", "SectionValues", "check_extents", "check_job", "check_options", "check_sections"]

#: Sees whether what values say of a launch can be done; raises :class:`Refused`, "OPTION: what is wrong", where not.
CheckLaunch = Callable[[Mapping[str, str]], None]


@frozen
class SectionValues:
    """What a section comes to, to be checked.

    :param source: the file.
    :param secrets: the options that no error shows the value of.
    :param where: finds the setting of an option, to say in an error where it stands.
    """

    source: str
    section: str
    values: Mapping[str, str]
    secrets: Collection[str]
    where: Callable[[str], Setting | None]

    def wrong(self, option: str, problem: str) -> ConfigError:
        """What to raise where the value of an option is wrong, or there is none."""
        setting = self.where(option) or Setting(None, self.source)
        value = self.values.get(option)
        return setting.wrong(self.section, option, REDACTED if value and self.hides(option) else value, problem)

    def hides(self, option: str) -> bool:
        """Whether an option is secret."""
        return option in self.secrets


def check_options(options: Iterable[Option], found: SectionValues) -> None:
    """See that values are what declared options take.

    :raises ConfigError: names the place of the first that is wrong, and what would be right.
    """
    for option in options:
        if option.name in found.values:
            try:
                option.parse(found.values[option.name], hidden=found.hides(option.name))
            except Rejected as e:
                raise found.wrong(option.name, e.reason) from None


def check_job(found: SectionValues, token_ttl: float, check_launch: CheckLaunch) -> None:
    """See that a section is not too large, and holds good values of the options that every processor's may have.

    :param token_ttl: the initiator's: a token is renewed in a fetch, and must not expire before the next.
    :raises ConfigError: names the place of the first that is wrong, and what would be right.
    """
    _check_extent(found)
    check_options(JOB_OPTIONS, found)
    # What a secret went into is not for an environment either.
    secret = " ".join((*secret_globs(found.values), *sorted(found.secrets)))
    try:
        check_words(found.values)
        check_watchdog(found.values)
        check_launch({**found.values, "secret_options": secret})
    except Refused as e:
        option, _, problem = str(e).partition(": ")
        raise found.wrong(option.partition(" ")[0], problem) from None
    longest = token_ttl / LATEST
    if refresh(found.values) >= longest:
        unset = "" if "refresh" in found.values else f"is {refresh(found.values):g} where it is not set, and "
        problem = f"{unset}must be less than {longest:g}: a token is good for token_ttl = {token_ttl:g} s"
        raise found.wrong("refresh", problem)


def _check_extent(found: SectionValues) -> None:
    size = extent(found.values)
    if size > MOST_SECTION:
        largest = max(found.values, key=lambda name: extent({name: found.values[name]}))
        problem = f"its options come to {size} bytes, of which {largest} has most; at most are {MOST_SECTION}"
        raise ConfigError(problem, source=found.source, section=found.section)


def check_extents(layers: Layers, sections: Collection[str]) -> None:
    """See that those of some sections that are DEFAULT or a module's are not too large for a processor.

    Before processors' own are looked at: the place is here, where they have it from.

    :raises ConfigError: one is, or does not resolve.
    """
    for section in [DEFAULT, *module_sections(layers)]:
        if section in sections:
            _check_extent(_section(layers, section))


def _section(layers: Layers, section: str) -> SectionValues:
    resolved = layers.check_section(section)
    values = {name: found.text for name, found in resolved.items()}
    secrets = {name for name, found in resolved.items() if found.secret}
    return SectionValues(layers.document.source, section, values, secrets, partial(layers.origin, section))


def check_sections(layers: Layers, token_ttl: float, check_launch: CheckLaunch = lambda _: None) -> None:
    """See that DEFAULT and the sections of modules hold good values of the options that every processor's may have.

    :raises ConfigError: names the place of the first that does not.
    """
    modules = module_sections(layers)
    for section in [DEFAULT, *modules]:
        found = _section(layers, section)
        # Where DEFAULT does not say how often to fetch, each module does.
        longest = YEAR if section == DEFAULT and modules and "refresh" not in found.values else token_ttl
        check_job(found, longest, check_launch)
