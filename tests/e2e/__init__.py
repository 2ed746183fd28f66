"""The program as its users have it: real processes, real sockets, curl."""
