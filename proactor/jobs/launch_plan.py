"""How a job's process is started: its command, environment, limits, and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import define

from ..changes.configurator import Configurator
from ..config.grammar import importable
from ..config.job_settings import JobSettings, job_settings
from ..config.render import render
from ..config.settings import InitiatorSettings
from ..interfaces import LaunchSpec, Limits
from ..launchers.command import check_command, command_line, environment, takes_socket
from ..launchers.limits import check_limits
from ..model import Job
from ..options import is_secret, secret_globs
from ..tokens.issuing import Claims, TokenAuthority
from ..urls import local_url
from .surroundings import Launch

#: How much longer than others a processor's first token lives, in seconds: it may have to wait for its start.
FIRST_TOKEN_EXTRA = 60.0
#: Where a child finds its socket.
FD = 3


def _limits(settings: JobSettings, open_files: int | None = None) -> Limits:
    return Limits(
        nofile=settings.limit_nofile,
        memory_mib=settings.limit_memory,
        nice=settings.nice,
        folder=settings.working_folder,
        umask=settings.umask,
        user=settings.user,
        open_files=open_files,
    )


def steering(
    settings: InitiatorSettings, listen_port: int, guid: str, section: str, address: str, port: int
) -> dict[str, str]:
    """The options of a processor that the initiator alone sets.

    :param listen_port: where the initiator is reached.
    :param address: where the processor is; and its port.
    """
    trust = {} if settings.trust is None else dict(zip(("parent_name", "parent_ca"), settings.trust, strict=True))
    return {
        "guid": guid,
        "module": importable(section),
        "listen_addr": address,
        "listen_port": str(port),
        "parent_url": local_url(settings.listen_addr, listen_port, settings.listen_scheme),
        **trust,
    }


def check_launch(values: Mapping[str, str]) -> None:
    """See whether a section's values can be launched by.

    :raises Refused: they cannot; ``OPTION: what is wrong, and the remedy``.
    """
    settings = job_settings(values)
    if "command" in values:
        check_command(values["command"], is_secret("command", secret_globs(values)))
    check_limits(_limits(settings))
    _environment({}, values, settings)


def _environment(initiators: Mapping[str, str], options: Mapping[str, str], settings: JobSettings) -> dict[str, str]:
    inherit, passed = settings.inherit_environment, settings.pass_environment
    return environment(initiators, options, inherit, settings.user, passed)


@define(eq=False)
class LaunchPlanner:
    """Makes the plan of each launch from the configuration of that moment.

    :param now: the time of day, aware.
    :param environment: the initiator's, as it was at its start.
    :param python: the interpreter for modules.
    :param listen_port: where the initiator is reached.
    :param heard_token: told of each token that is issued, and of what it says.
    :param trust: gives by what a processor verifies the tokens of others, as its standard input has it; ``None``: it is
        to ask.
    :param open_files: how many a process may have open where its section says nothing; ``None``: as the initiator.
    """

    configurator: Configurator
    authority: TokenAuthority
    now: Callable[[], datetime]
    environment: Mapping[str, str]
    python: str
    listen_port: int
    heard_token: Callable[[str, Claims], None] = lambda _token, _claims: None
    trust: Callable[[str], str | None] = lambda _guid: None
    open_files: int | None = None

    def steering(self, guid: str, section: str, address: str, port: int) -> dict[str, str]:
        """The options of a processor that the initiator alone sets."""
        return steering(self.configurator.settings, self.listen_port, guid, section, address, port)

    def plan(self, job: Job) -> Launch:
        """How a job's process is to be started now.

        :raises Refused: its section says something that cannot be done; what, and the remedy.
        """
        revision, options = self.configurator.configuration(job.guid)
        settings = job_settings(options)
        command = options.get("command")
        lifetime = self.configurator.settings.token_ttl + FIRST_TOKEN_EXTRA
        given = {**options, "token": self.token(job, lifetime), "revision": str(revision)}
        trust = self.trust(job.guid)
        if trust is not None:
            given["parent_trust"] = trust
        spec = LaunchSpec(
            guid=job.guid,
            incarnation=job.incarnation,
            argv=command_line(options["module"], command, job.guid, job.port, FD, self.python),
            environment=_environment(self.environment, options, settings),
            stdin=render(job.guid, given).encode(),
            listening=-1,
            log=-1,
            fd=FD,
            limits=_limits(settings, self.open_files),
            module=options["module"] if command is None else None,
            launcher=settings.launcher,
        )
        return Launch(
            spec,
            serves_itself=command is not None and not takes_socket(command),
            speaks=command is None,
            revision=revision,
        )

    def token(self, job: Job, lifetime: float, serial: str | None = None) -> str:
        """A token for a job's present process."""
        issuer, now = self.authority.issuer, self.now().timestamp()
        token, claims = self.authority.issue_known(job.guid, issuer, now, lifetime, job.incarnation, serial)
        self.heard_token(token, claims)
        return token
