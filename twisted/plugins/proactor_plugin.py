from twisted.application.service import ServiceMaker

proactor = ServiceMaker(
    "Proactor",
    "proactor.tap",
    "Launch, configure, supervise and authenticate a fleet of processes, driven with curl.",
    "proactor",
)
