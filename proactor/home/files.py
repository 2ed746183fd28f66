"""What is called what in an initiator's home: for the initiator, and for those who look for it there."""

DEFAULT_HOME = "~/.proactor"
#: The variable of the environment that names a home, for the initiator as for the command line.
HOME_VARIABLE = "PROACTOR_HOME"

#: Held with flock(2) while an initiator runs; its pid stands in it.
LOCK = "lock"
#: Where an initiator is reached from this machine; there while it serves.
URL = "url"
#: Where that is over TLS: the name that its certificate is for, and the file of those by which it is verified.
TRUST = "trust"
OPERATOR_TOKEN = "operator.token"  # noqa: S105 - a file's name
