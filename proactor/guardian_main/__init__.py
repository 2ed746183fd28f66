"""The guardian's process: when the initiator is gone it ends what that started, or keeps its sockets for the next one.

Run by the path of ``__main__.py``, and small: nothing of the packages around is imported, and little else. It speaks
with one initiator at a time over a UNIX socket of packets (``protocol``). The first one's is its standard input; the
next one connects to ``HOME/guardian.sock`` (``door``). An initiator tells it what it would need if it were killed:

============================  ==========================================================================================
``hello VERSION [FORMAT]``    first; with a descriptor to write reports to, as text or ``json``; answered: see below
``mark NAME=VALUE GRACE``     the initiator's processes have this in their environment
``adopt yes`` or ``adopt no`` whether the next initiator is to have the processes and the sockets
``linger SECONDS``            how long it waits for the next one when no process is left
``watch PID START GRACE``     there is a process, which leads a session; START is its start time (proc(5), field 22)
``unwatch PID``               there is no more
``keep GUID``                 with a descriptor: the socket to be held open for this guid; without one: none is
``drop GUID``                 it is not to be held any more
``cut GUID BYTES``            its log, ``HOME/logs/GUID.log``, is to take so much of the disk at most (``logs``)
``uncut GUID``                its log is nobody's concern any more
``stop GRACE``                the end that follows is a stop: what is there then was left, and has that time to end
``leave``                     the end that follows leaves everything to the next initiator, whatever ``adopt`` was
============================  ==========================================================================================

Times in seconds. Everything may be told again. The end of the connection is the initiator's. Where nothing is to live
on, all processes are sent SIGTERM, those that are left after their grace SIGKILL, and this ends when none is left. They
are the processes of the sessions, grandchildren in process groups of their own included, and those that have a mark,
which finds a process that there was no time to tell of and one that made a session of its own.

Otherwise it waits: the sockets stay open, so that clients wait and are not refused. To a ``hello`` it answers

============================  ==========================================================================================
``hello VERSION``             its own
``mark NAME=VALUE``           of an earlier initiator, whose processes are ours too
``keep GUID``                 with a descriptor: a socket that it holds
``done``                      that is all
``busy``                      instead of all that: it has an initiator, which lives
============================  ==========================================================================================

and goes on in its service. This answer is the same in all versions; an initiator of another one is given it, and then
the guardian ends without a word, for that initiator to start its own. Words that are not known are passed over.
"""
