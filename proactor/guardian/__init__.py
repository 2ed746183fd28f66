"""The guardian as the initiator has it: a process that outlives it, and what that hands over to the next one."""
