"""Durable messages through random kills of the initiator, of who sends and of who receives; then see what came.

    python -m benchmarks.message_chaos [--messages 20000] [--seed 1] [--pause 0.6]

Senders write down what they were told is stored, receivers what they are handed. In the end nothing may be missing,
what is from one sender to one receiver must be in order, and every copy must be known by its source and id. The seed is
printed; how threads and processes are scheduled is not up to it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import figures, running
from .chaos_plan import FOLDER, RECEIVERS, SENDERS, channels, judged
from .lives import Life, free_port, processors

_PORTS = 40


def config(port: int, first: int) -> str:
    """A configuration file with fixed ports."""
    return f"""\
[DEFAULT]
host_addr = 127.0.0.1
listen_addr = 127.0.0.1
refresh = 2
restart = always
restart_delay = 0.05
restart_delay_max = 0.5
restart_attempts = 0
message_timeout = 5

[proactor.initiator]
listen_port = {port}
child_port_min = {first}
child_port_max = {first + _PORTS - 1}

[{RECEIVERS}]

[{SENDERS}]

[{running.GUID}]
"""


def created(operator: running.Operator, module: str, how_many: int, **options: str) -> list[str]:
    """Launch processors; their guids."""
    order = {"module": module, "count": how_many, "options": options}
    return [job["guid"] for job in operator.call("POST", "/create", order, Prefer="wait=60")]


def stored(folder: Path) -> int:
    """How many messages senders know to be stored."""
    return sum(path.stat().st_size for path in folder.glob("sent.*"))


def storm(life: Life, rng: random.Random, whom: dict[str, str], wanted: int, pause: float) -> Counter[str]:
    """Kill until all is sent; how many of which kind were killed.

    :param whom: by guid, what kind of processor it is.
    """
    killed: Counter[str] = Counter()
    until = time.monotonic() + 1800
    while stored(life.folder) < wanted:
        if time.monotonic() > until:
            raise running.Unexpected(f"{stored(life.folder)} of {wanted} sent after 30 minutes")
        time.sleep(rng.uniform(0.05, 2 * pause))
        kind = rng.choice(["initiator", "sender", "receiver", "receiver"])
        if kind == "initiator":
            life.kill()
            time.sleep(rng.choice([0.0, rng.uniform(0, 0.5)]))
            life.start()
            killed[kind] += 1
            continue
        pids = [
            pid for guid, held in processors(life.folder / "home").items() for pid in held if whom.get(guid) == kind
        ]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(sorted(pids)), signal.SIGKILL)
            killed[kind] += 1
    return killed


def at_rest(operator: running.Operator) -> bool:
    """Whether nothing waits to be delivered any more."""
    with suppress(OSError):
        found = operator.call("GET", "/message")
        return not found["waiting"]
    return False


def weather(life: Life, options: argparse.Namespace) -> dict[str, Any]:
    """The whole of it; what is to be told."""
    rng = random.Random(options.seed)
    life.start()
    operator = life.operator()
    receivers = created(operator, RECEIVERS, options.receivers)
    count = options.messages // options.senders
    began = time.monotonic()
    senders = created(operator, SENDERS, options.senders, count=str(count), receivers=" ".join(receivers))
    operator.close()
    each = sum(int(count * share) for _, _, share in channels(receivers))
    whom = {**dict.fromkeys(receivers, "receiver"), **dict.fromkeys(senders, "sender")}
    killed = storm(life, rng, whom, each * options.senders, options.pause)
    operator = life.operator()
    running.wait_until(lambda: at_rest(operator), "all is delivered", patience=300, pause=0.2)
    took = time.monotonic() - began
    dead = operator.call("GET", "/message")["dead"]
    verdict = judged(life.folder, senders, receivers, count)
    problems = verdict.problems + ([f"{dead} dead letters"] if dead else [])
    return {
        "messages": each * options.senders,
        "seconds": round(took, 1),
        "lives": life.lives,
        "killed": dict(sorted(killed.items())),
        "received": verdict.distinct,
        "copies": verdict.copies,
        "problems": problems,
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """All of it in a folder of its own; nothing is left of it."""
    first = free_port()
    with tempfile.TemporaryDirectory(prefix="proactor-chaos-") as name:
        os.environ[FOLDER] = name
        life = Life(Path(name), first + _PORTS)
        (life.folder / "proactor.cfg").write_text(config(life.port, first))
        try:
            return weather(life, options)
        finally:
            if life.process is not None:
                running.end(life.process)
            for pids in processors(life.folder / "home").values():
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser("python -m benchmarks.message_chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000, help="how many are sent")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of what is random")
    parser.add_argument("--pause", type=float, default=0.6, help="seconds between two kills, on average")
    parser.add_argument("--senders", type=int, default=4, help="how many processors send")
    parser.add_argument("--receivers", type=int, default=4, help="how many receive")
    return parser.parse_args(arguments)


def main() -> None:
    """Kill, look, print."""
    options = parsed()
    print(f"seed {options.seed}")
    found = run(options)
    print(
        f"{found['messages']} messages sent and {found['received']} received in {found['seconds']} s through "
        f"{sum(found['killed'].values())} kills ({found['killed']}); {found['copies']} copies, all known"
    )
    for problem in found["problems"][:50]:
        print(f"BROKEN: {problem}")
    figures.print_json("message_chaos", {"seed": options.seed, **found})
    if found["problems"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
