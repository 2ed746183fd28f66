"""The initiator over HTTP: one table of routes and who may use them, thin handlers over the use cases.

``table`` says what there is, ``callers`` who asks, ``calls`` what they ask in values, ``answers`` what they get,
``errors`` what becomes of an exception, ``app`` joins these in Klein; a module for each kind of resource does the rest.
"""
