"""The configuration as data: parsed, layered, resolved, numbered. No reactor and no I/O in here.

Read in this order: ``grammar`` (what is a guid, a section, an option), ``document`` (a file, with the line of every
value), ``interpolation`` (``${...}``), ``layers`` (edits over the file, guid sections over module sections),
``settings`` (what the initiator itself reads) and ``live`` (the configuration as it changes, revision by revision).
"""
