"""The initiator's home folder: what is in it, and what an earlier initiator left there."""
