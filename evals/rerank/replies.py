"""Replies of a model, kept by the hash of what was asked: paid for once, read as often as wanted.

A file of JSON lines, one reply each. A row says which model answered, when, for which prompt, and whether the provider
was the simulated one; a request whose hash is not there is a miss, never a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from app.domain.errors import BadInput
from app.domain.model_calls import CallOutcome, ModelCall, ModelReply, Usage
from evals.simulated.wire import MODEL_PREFIX

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Source = Literal["provider", "simulated"]


class RecordedReply(BaseModel):
    """One reply as it is kept. It holds no prompt, and so nothing about a shopper but what the model said."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    hash: Hash  # of the request, see `request_hash`
    model: Text  # as it was asked: a litellm id
    told_model: Text  # as the provider names itself
    at: datetime  # when it was answered
    source: Source
    prompt_id: Text
    prompt_hash: Text
    outcome: CallOutcome
    text: str
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    cost_usd: float | None = Field(default=None, ge=0)
    estimated: bool = False
    seconds: float = Field(ge=0)
    seconds_to_first: float | None = Field(default=None, ge=0)
    seconds_to_order: float | None = Field(default=None, ge=0)  # until the order was complete, where it was watched

    @property
    def simulated(self) -> bool:
        """Whether a program made it: by what the row says, or by either name of the model, whatever the row says."""
        return self.source == "simulated" or names_simulated(self.model) or names_simulated(self.told_model)

    def as_reply(self) -> ModelReply:
        """The reply as the service's model client gives it."""
        usage = Usage(self.input_tokens, self.output_tokens, self.cached_tokens, self.cost_usd, self.estimated)
        return ModelReply(self.outcome, self.text, usage, self.told_model, self.seconds, self.seconds_to_first)


def names_simulated(model: str) -> bool:
    """Whether a model's name is one of the simulated provider's: it begins every name it gives with a mark."""
    return model.rsplit("/", 1)[-1].lower().startswith(MODEL_PREFIX)


def recorded(
    call: ModelCall, asked_model: str, reply: ModelReply, at: datetime, seconds_to_order: float | None = None
) -> RecordedReply:
    """The row of a reply that has just ended."""
    simulated = names_simulated(asked_model) or names_simulated(reply.model)
    return RecordedReply(
        hash=request_hash(call, asked_model),
        model=asked_model,
        told_model=reply.model,
        at=at,
        source="simulated" if simulated else "provider",
        prompt_id=call.prompt_id,
        prompt_hash=call.prompt_hash,
        outcome=reply.outcome,
        text=reply.text,
        input_tokens=reply.usage.input_tokens,
        output_tokens=reply.usage.output_tokens,
        cached_tokens=reply.usage.cached_tokens,
        cost_usd=reply.usage.cost_usd,
        estimated=reply.usage.estimated,
        seconds=reply.seconds,
        seconds_to_first=reply.seconds_to_first,
        seconds_to_order=seconds_to_order,
    )


def request_hash(call: ModelCall, model: str) -> str:
    """SHA-256 of everything that a reply depends on: model, messages, schema and room for the answer; 64 hex digits."""
    asked = {
        "model": model,
        "messages": [[message.role, message.content] for message in call.messages],
        "maxOutputTokens": call.max_output_tokens,
        "schema": call.schema,
    }
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


class ReplyBook:
    """Replies by request, and the file that new ones are added to.

    Args: path: where new replies go, one line each, written at once; None keeps them in memory only.
    """

    def __init__(self, replies: Sequence[RecordedReply] = (), path: Path | None = None) -> None:
        self._by_hash = {reply.hash: reply for reply in replies}
        self._path = path

    @classmethod
    def read(cls, path: Path, *, add: bool) -> ReplyBook:
        """The book in a file, empty where there is none.

        A last line that was cut off, as when the power went, is dropped; what is broken elsewhere is refused.

        Args:   add: whether new replies are added to the file.
        Raises: BadInput: a line is no reply; the message begins with `file:line:`.
        """
        content = path.read_bytes() if path.exists() else b""
        whole, newline, cut = content.rpartition(b"\n")
        replies = []
        for number, line in enumerate(whole.split(b"\n"), start=1):
            if line.strip():
                try:
                    replies.append(RecordedReply.model_validate_json(line))
                except ValidationError as error:
                    first = error.errors(include_url=False)[0]
                    where = ".".join(str(part) for part in first["loc"])
                    raise BadInput(f"{path.name}:{number}: not a recorded reply: {where}: {first['msg']}") from error
        if add and cut:
            path.write_bytes(whole + newline)
        return cls(replies, path if add else None)

    def __len__(self) -> int:
        return len(self._by_hash)

    @property
    def replies(self) -> Sequence[RecordedReply]:
        """All of them, in the order in which they were added."""
        return tuple(self._by_hash.values())

    def find(self, request: str) -> RecordedReply | None:
        """The reply to the request of this hash; None is a miss."""
        return self._by_hash.get(request)

    def add(self, reply: RecordedReply) -> None:
        """Keeps a reply, in the file too. Raises BadInput where the file can't be written."""
        self._by_hash[reply.hash] = reply
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(reply.model_dump_json(by_alias=True).encode() + b"\n")
        except OSError as error:
            raise BadInput(
                f"{self._path} can't be written: {error.strerror}; the reply just paid for is lost"
            ) from error

    def only_model(self) -> str:
        """The model of all replies. Raises BadInput where there is none, or more than one."""
        models = sorted({reply.model for reply in self._by_hash.values()})
        if len(models) != 1:
            found = ", ".join(models) or "none"
            raise BadInput(f"The recorded replies are of these models: {found}. Say which with --model.")
        return models[0]

    def why_missed(self, model: str, prompt_hash: str) -> str:
        """What the file holds instead, for a person who wonders about misses."""
        same = [reply for reply in self._by_hash.values() if reply.model == model]
        if not same:
            held = ", ".join(sorted({reply.model for reply in self._by_hash.values()})) or "nothing"
            return f"there is no reply of {model}; the file holds {held}"
        others = sorted({reply.prompt_hash for reply in same} - {prompt_hash})
        if others and not any(reply.prompt_hash == prompt_hash for reply in same):
            return f"the prompt has changed: recorded with {', '.join(others)}, it is {prompt_hash} now"
        return "other candidates, facts or shoppers: the data, the rules, the training or the options have changed"
