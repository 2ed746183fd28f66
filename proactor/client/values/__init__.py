"""What an initiator answers, as values. Each keeps the record that it was read of, as ``record``."""
