"""`python -m evals.simulated`: starts the simulated model provider on loopback."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from evals.simulated.faults import FAULTS, FaultRule, UnknownFault, parse_fault
from evals.simulated.knobs import Knobs
from evals.simulated.server import LABEL, REQUESTS_KEPT, SimulatedProvider, create_app
from evals.simulated.tokens import token_rule
from evals.simulated.utility import Preferences, PreferencesError, load_preferences

HOST = "127.0.0.1"
GRACE_S = 1
"""How long a stop waits for answers that are under way; a hanging one would never end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; 0 after a clean stop, 2 when it could not start."""
    given = _parser().parse_args(arguments)
    if given.list_faults:
        for mode, says in FAULTS.items():
            print(f"{mode:20} {says}")
        return 0
    try:
        knobs = Knobs.model_validate({name: getattr(given, name) for name in Knobs.model_fields})
        rules = tuple(_rule(text, given.fault_count) for text in given.fault)
        preferences = load_preferences(given.preferences) if given.preferences is not None else None
        listener = socket.create_server((HOST, given.port))
    except (ValidationError, UnknownFault, PreferencesError, OSError) as error:
        print(f"The simulated provider could not start: {error}", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        stack.enter_context(listener)
        log = stack.enter_context(given.log.open("a", encoding="utf-8")) if given.log is not None else None
        provider = SimulatedProvider(knobs, token_rule(), rules, preferences, log, given.requests_kept)
        _serve(provider, listener, preferences)
    return 0


def _rule(text: str, count: int | None) -> FaultRule:
    rule = parse_fault(text)
    return rule if count is None else FaultRule.model_validate(rule.model_dump() | {"count": count})


def _serve(provider: SimulatedProvider, listener: socket.socket, preferences: Preferences | None) -> None:
    address = f"http://{HOST}:{listener.getsockname()[1]}/v1"
    planted = ", planted preferences" if preferences is not None else ""

    def ready() -> None:
        print(f"{address} ready ({LABEL}{planted}; tokens by {provider.tokens.name})", flush=True)

    # The server raises the signal again once it has stopped; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    config = uvicorn.Config(
        create_app(provider, ready),
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.simulated", description=f"{LABEL}. docs/simulated.md")
    defaults = Knobs()
    parser.add_argument("--port", type=int, default=8099, help="on loopback; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--ttft-ms", type=float, default=defaults.ttft_ms, help="time to the first token")
    parser.add_argument("--tokens-per-s", type=float, default=defaults.tokens_per_s, help="0 = all at once")
    parser.add_argument(
        "--jitter", type=float, default=defaults.jitter, help="sigma of a log-normal factor on the TTFT"
    )
    parser.add_argument("--quality", type=float, default=defaults.quality, help="0 random .. 1 the hidden order")
    parser.add_argument("--position-bias", type=float, default=defaults.position_bias, help="0..1, prefers early lines")
    parser.add_argument("--hallucination", type=float, default=defaults.hallucination, help="0..1, invented aliases")
    parser.add_argument("--lie-rate", type=float, default=defaults.lie_rate, help="share of sentences with a falsehood")
    parser.add_argument("--verbosity", type=int, default=defaults.verbosity, help="1..3 facts in a sentence")
    parser.add_argument("--reasons", type=int, default=defaults.reasons, help="sentences; else as the prompt asks")
    parser.add_argument("--order-length", type=int, default=defaults.order_length)
    parser.add_argument("--obey", action="store_true", help="follow instructions in product text")
    parser.add_argument("--no-prompt-cache", dest="prompt_cache", action="store_false")
    parser.add_argument("--preferences", type=Path, help="JSON: product name → grade")
    parser.add_argument(
        "--requests-kept", type=int, default=REQUESTS_KEPT, help="bodies that /simulated/requests shows"
    )
    parser.add_argument("--log", type=Path, help="appends the truth of every order and sentence as JSON lines")
    parser.add_argument("--fault", action="append", default=[], help="MODE[:DETAIL][@SHARE]; may be repeated")
    parser.add_argument("--fault-count", type=int, help="every fault strikes at most so often")
    parser.add_argument("--list-faults", action="store_true", help="print the fault modes and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
