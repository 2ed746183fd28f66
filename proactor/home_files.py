"""What is called what in an initiator's home: for the initiator, and for those who look for it there."""

DEFAULT_HOME = "~/.proactor"

#: Held with flock(2) while an initiator runs; its pid stands in it.
LOCK = "lock"
#: Where an initiator is reached from this machine; there while it serves.
URL = "url"
OPERATOR_TOKEN = "operator.token"  # noqa: S105 - a file's name
