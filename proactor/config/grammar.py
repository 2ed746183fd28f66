"""The words of the configuration: guids, sections, names of options and what may be in a value.

What is secret and what only the initiator sets is in ``proactor.options``, which processors use too.
"""

from __future__ import annotations

import re
from uuid import uuid4

DEFAULT = "DEFAULT"

#: What is shown of a secret.
REDACTED = "***"

#: Module sections go by these names in files written for the reference example of turberfield-ipc.
FORMER_NAMES = {
    "turberfield.ipc.demo.initiator": "proactor.initiator",
    "turberfield.ipc.demo.processor": "proactor.processor",
}
INITIATOR = "proactor.initiator"
PROCESSOR = "proactor.processor"

#: What decides who may see or do what is not for those it is about to decide: it is set in the file.
#: So is what decides which code runs, and as whom: an edit can launch nothing that the file does not declare.
FILE_ONLY = (
    "operator_auth",
    "secret_options",
    "command",
    "inherit_environment",
    "pass_environment",
    "user",
    "working_folder",
    "listen_scheme",
    "tls_certificate",
    "tls_key",
    "tls_ca",
)
_FILE_ONLY_PREFIX = "env."


def is_file_only(option: str) -> bool:
    """Whether an option can be set in the file alone."""
    return option in FILE_ONLY or option.startswith(_FILE_ONLY_PREFIX)


_GUID = re.compile(r"[0-9a-f]{32}")
_OPTION = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*", re.ASCII)

# Beside the control characters, all that str.splitlines takes for the end of a line.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNPRINTABLE_IN_FILE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def new_guid() -> str:
    """A name for a new processor: 32 lower-case hex digits."""
    return uuid4().hex


def is_guid(name: str) -> bool:
    """Whether a section's name is a guid, and the section so that of one process."""
    return _GUID.fullmatch(name) is not None


def is_module(name: str) -> bool:
    """Whether a name could be that of an importable module."""
    return _MODULE.fullmatch(name) is not None


def is_referable(name: str) -> bool:
    """Whether ``${name:option}`` can mean a section of that name."""
    return not any(character in name for character in ":}")


def is_initiator(name: str) -> bool:
    """Whether a section holds the defaults of initiators."""
    return importable(name) == INITIATOR


def importable(section: str) -> str:
    """The module to run for a module section."""
    return FORMER_NAMES.get(section, section)


def option_problem(name: str) -> str | None:
    """What is wrong with an option's name, if anything."""
    if _OPTION.fullmatch(name) is not None:
        return None
    if _OPTION.fullmatch(name.lower()) is not None:
        return f"an option's name is in lower-case letters: {name.lower()!r} is right"
    return (
        "an option's name is a lower-case letter, then up to 63 lower-case letters, digits, '_', '.' or '-' "
        "(a value goes behind '=', a comment behind '#')"
    )


def section_problem(name: str) -> str | None:
    """What is wrong with the characters of a section's name, if anything."""
    return _character_problem(_UNPRINTABLE, name, "the name of a section")


def value_problem(text: str, *, lines: bool = False) -> str | None:
    """What is wrong with a value's characters, if anything.

    :param lines: whether the value may go over several lines, as it may in a file.
    """
    return _character_problem(_UNPRINTABLE_IN_FILE if lines else _UNPRINTABLE, text, "a value")


def _character_problem(wrong: re.Pattern[str], text: str, what: str) -> str | None:
    found = wrong.search(text)
    if found is None:
        return None
    return f"the character U+{ord(found[0]):04X} cannot be in {what}: no control characters or line breaks"
