"""Messages to where a person wants to hear of failures: Slack, e-mail, a webhook, and whatever else apprise knows."""

from __future__ import annotations

from .destinations import Destination, destinations
from .message import Failure, compose
from .outbox import Outbox

__all__ = ["Destination", "Failure", "Outbox", "compose", "destinations"]
