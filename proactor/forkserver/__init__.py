"""A process in which Python, Twisted, Klein and treq are loaded once, and which forks processors when it is told to.

``python -m proactor.forkserver`` is what the initiator starts. It holds nothing: its end harms nobody but those who
are being started. Every process that it forks is the initiator's child (prctl(2), PR_SET_CHILD_SUBREAPER), begins as a
fresh interpreter would, with a reactor of its own, and inherits what its launch says and nothing else.

It speaks in packets (``proactor.guardian_main.protocol``). It is told::

    spares NUMBER       how many processes are to be forked ahead; at any time
    preload NAMES       the modules whose imports to load besides, separated by spaces; once, at the beginning
    @stdin, @log, @listening, @lock     descriptors for the launch that follows
    fork JSON           start a processor

and answers::

    ready               it forks from now on
    said NAME TEXT      a module that was to be loaded wrote a line
    loaded NAME         what a module imports is loaded
    left NAME REASON    it is not loaded ahead
    practised           what processors do at their start was practised
    unpractised REASON  it could not be
    @forked GUID INCARNATION PID    there is a process, which goes on when a byte is written to the descriptor
    failed GUID INCARNATION REASON  there is none
    stale FILE          a file that is loaded has changed: it forks no more
"""
