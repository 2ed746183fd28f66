"""The whole of the initiator's HTTP as one resource."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource

from ..initiator import Initiator
from ..logstore import LogStore
from .actions import Actions
from .app import make_app
from .callers import Identifier
from .configs import Configs
from .edits import Edits
from .endpoints import EndpointRoutes
from .events import Events
from .health import Health
from .jobs import Jobs
from .log_level import LogLevels
from .logs import Logs
from .messages import Messages
from .metrics import Measured
from .openapi import Description
from .operator_tokens import Tokens
from .peer_tokens import PeerTokens
from .rollouts import RolloutRoutes


def make_resource(
    clock: IReactorTime, initiator: Initiator, store: LogStore, operator_token: str, token_file: str, uid: int
) -> IResource:
    """Every handler over an initiator, behind the check of who asks.

    :param token_file: where the operator's token is, to be named to who sends none.
    :param uid: whose processes on this machine need no token.
    """
    identifier = Identifier(
        operator_token,
        uid,
        initiator.exchange.identify,
        lambda: initiator.configurator.settings.operator_auth,
        token_file,
        initiator.operator_tokens.find,
    )
    handlers = {
        **Jobs(clock, initiator).handlers(),
        **Actions(clock, initiator).handlers(),
        **Logs(initiator.now, initiator, store).handlers(),
        **Configs(initiator).handlers(),
        **Edits(clock, initiator).handlers(),
        **Events(initiator).handlers(),
        **RolloutRoutes(initiator).handlers(),
        **EndpointRoutes(initiator).handlers(),
        **Messages(initiator).handlers(),
        **PeerTokens(initiator).handlers(),
        **Measured(initiator.metrics).handlers(),
        **Description().handlers(),
        **Tokens(initiator.operator_tokens).handlers(),
        **LogLevels(initiator.log_level).handlers(),
        **Health(initiator).handlers(),
    }
    app = make_app(
        handlers,
        identifier,
        clock,
        initiator.metrics,
        initiator.failed_attempts,
        is_stopping=lambda: initiator.fleet.closing,
    )
    resource: IResource = app.resource()
    return resource
