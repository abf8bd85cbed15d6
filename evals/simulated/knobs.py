"""Everything that can be turned on the simulated provider, at its start or while it runs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Knobs(BaseModel):
    """How the simulated model behaves. Shares are probabilities, 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = 0
    ttft_ms: float = Field(default=150, ge=0, le=600_000)  # time to the first token
    tokens_per_s: float = Field(default=80, ge=0, le=1_000_000)  # 0 = all at once
    jitter: float = Field(default=0, ge=0, le=2)  # sigma of a log-normal factor on ttft_ms
    quality: float = Field(default=0.8, ge=0, le=1)  # 1 = the hidden order exactly, 0 = unrelated to it
    position_bias: float = Field(default=0, ge=0, le=1)  # how much an early line is preferred
    hallucination: float = Field(default=0, ge=0, le=1)  # share of places in `order` preceded by an invented alias
    lie_rate: float = Field(default=0, ge=0, le=1)  # share of sentences with one planted falsehood
    verbosity: int = Field(default=2, ge=1, le=3)  # facts in a sentence, at most; 3 ignores the prompt's word limit
    reasons: int | None = Field(default=None, ge=0, le=24)  # sentences; None = as many as the prompt asks for, else 5
    order_length: int = Field(default=10, ge=0, le=24)
    obey: bool = False  # follow whatever instructions product text contains
    prompt_cache: bool = True  # report cached_tokens for prefixes that were seen before

    def changed(self, **values: object) -> Knobs:
        """A validated copy with some knobs turned; raises pydantic's ValidationError."""
        return Knobs.model_validate(self.model_dump() | values)
