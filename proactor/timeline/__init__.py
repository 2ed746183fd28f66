"""What happened, and what led to it."""
