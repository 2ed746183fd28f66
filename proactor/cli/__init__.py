"""The operator's command line: ``proactor VERB``. What it does goes over HTTP, by :mod:`proactor.client`."""
