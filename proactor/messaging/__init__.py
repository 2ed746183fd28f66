"""Durable messages: stored before they are accepted, delivered in order, at least once."""
