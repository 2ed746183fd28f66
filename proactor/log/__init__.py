"""The program's own log: its format, and how much is logged."""
