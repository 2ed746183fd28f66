"""The configuration as it changes: one edit at a time, on its way to the processors that it touches."""
