"""Where replies come from: a live model, a file of recorded replies, or the simulated provider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.adapters.llm import LiteLlmClient
from app.bootstrap import open_client
from app.domain.errors import BadInput
from app.settings import Settings
from evals.prompts.outcome import Source
from evals.rerank.replies import RecordedReply, ReplyBook, names_simulated
from evals.simulated.knobs import Knobs
from evals.simulated.process import simulated_provider

SIMULATED_MODEL = "openai/simulated-ranker"
SIMULATED_PRICE_USD = (0.15, 0.60)
"""Per 1M tokens: gpt-4o-mini's, so that the sums of a simulated run are of a size that a real one has."""
_PACE = ("ttft_ms", "tokens_per_s", "requests_kept")
"""Knobs that change no reply."""
LABEL = "SIMULATED provider: a program, no language model. These figures say nothing about a model or a prompt."


@dataclass(frozen=True, slots=True)
class Answers:
    """One model and the replies that it gave or will give."""

    model: str  # a litellm id
    book: ReplyBook
    file: str  # name of the file that the replies are in
    client: LiteLlmClient | None  # None: nobody is asked, and what the file lacks is a miss
    settings: Settings | None = None  # that the client was opened with; None for recorded replies

    @property
    def simulated(self) -> bool:
        """Whether the name is one of the simulated provider's."""
        return names_simulated(self.model)

    def source_of(self, reply: RecordedReply, *, fresh: bool) -> Source:
        """Where a reply comes from. Args: fresh: it was given in this run."""
        if reply.simulated:
            return "simulated"
        return "live" if fresh else "recorded"


@contextmanager
def answers(
    models: Sequence[str],
    recorded: Path | None,
    simulated: Mapping[str, object] | None,
    *,
    folder: Path,
    concurrency: int,
    settings: Settings,
) -> Iterator[tuple[Answers, ...]]:
    """The models asked for, each with its book of replies; the simulated provider runs while this is open.

    Args:   recorded: read this file and ask nobody; simulated: knobs of the simulated provider, None = not wanted;
            folder: where new replies are kept, so that a second run pays for none of them.
    Raises: BadInput: no model, or a file without replies of a model. ConfigurationError: a price is not known.
    """
    if recorded is not None:
        if simulated is not None:
            raise BadInput("--recorded asks nobody, --simulated starts a provider: give one of them.")
        yield _from_file(models, recorded)
        return
    wanted = list(dict.fromkeys(models))
    if not wanted and simulated is None:
        if not settings.llm_model:
            raise BadInput(
                "Which model? Give --model with a litellm id (it is asked and costs money), --recorded with a file of "
                "replies, or --simulated for a program that plays a provider."
            )
        wanted = [settings.llm_model]
    with ExitStack() as stack:
        found = [_live(model, settings, folder, concurrency) for model in wanted]
        if simulated is not None:
            base = stack.enter_context(simulated_provider(simulated))
            found.append(answers_of_simulated(base, simulated, settings, folder, concurrency))
        yield tuple(found)


def knobs(text: str) -> dict[str, object]:
    """Knobs of the simulated provider from "quality=0.5,ttft_ms=0". Raises BadInput: unknown, or no such value."""
    given: dict[str, object] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, value = part.partition("=")
        given[name.strip()] = value.strip()
    try:
        told = Knobs.model_validate(given)
    except ValueError as error:
        known = ", ".join(Knobs.model_fields)
        raise BadInput(f"--knobs {text!r}: write name=value, separated by commas, of: {known}.") from error
    values = {name: getattr(told, name) for name in given}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def replies_file(folder: Path, model: str) -> Path:
    """Where the replies of a model are kept."""
    return folder / f"replies-{_slug(model)}.jsonl"


def _slug(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", model).strip("-.") or "model"


def _from_file(models: Sequence[str], path: Path) -> tuple[Answers, ...]:
    if not path.is_file():
        raise BadInput(f"{path} does not exist; record replies first by a run without --recorded.")
    book = ReplyBook.read(path, add=False)
    held = sorted({reply.model for reply in book.replies})
    if not held:
        raise BadInput(f"{path} holds no reply.")
    for model in models:
        if model not in held:
            raise BadInput(f"{path} holds no reply of {model}; it holds {', '.join(held)}.")
    return tuple(Answers(model, book, path.name, None) for model in (models or held))


def _live(model: str, settings: Settings, folder: Path, concurrency: int) -> Answers:
    chosen = settings.model_copy(update={"llm_model": model, "llm_max_concurrency": concurrency})
    path = replies_file(folder, model)
    return Answers(model, ReplyBook.read(path, add=True), path.name, open_client(chosen), chosen)


def answers_of_simulated(
    base: str, given: Mapping[str, object], settings: Settings, folder: Path, concurrency: int
) -> Answers:
    """The simulated provider at this address. Args: given: its knobs, which name the file of its replies."""
    chosen = settings.model_copy(
        update={
            "llm_model": SIMULATED_MODEL,
            "llm_api_base": base,
            "llm_api_key": settings.llm_api_key.__class__("none"),
            "llm_price_input_usd": SIMULATED_PRICE_USD[0],
            "llm_price_output_usd": SIMULATED_PRICE_USD[1],
            "llm_max_concurrency": concurrency,
        }
    )
    # Other knobs give other replies to the same request: each setting has a file of its own.
    told = "-".join(
        f"{name}{value}" for name, value in sorted(given.items()) if name not in ("ttft_ms", "tokens_per_s")
    )
    path = replies_file(folder, f"{SIMULATED_MODEL}-{told}" if told else SIMULATED_MODEL)
    return Answers(SIMULATED_MODEL, ReplyBook.read(path, add=True), path.name, open_client(chosen), chosen)
