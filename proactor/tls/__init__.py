"""TLS: what the initiator serves with, and whom those trust that call it."""
