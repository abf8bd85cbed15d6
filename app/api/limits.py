"""How often a key, an address and a shopper may call, and whose address a request has."""

from __future__ import annotations

import functools
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Scope

from app.api.errors import ApiError, Code
from app.domain.budgets import PartyKind
from app.domain.errors import ConfigurationError
from app.ports import RateCounter
from app.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOPS_MAX = 20


@dataclass(frozen=True, slots=True)
class Addresses:
    """Tells whose address a request has. What a header says is believed of a trusted proxy only."""

    trusted: tuple[Network, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> Addresses:
        """Raises: ConfigurationError: TRUSTED_PROXIES names what is no address or network."""
        try:
            return cls(tuple(ipaddress.ip_network(text) for text in settings.trusted_proxies))
        except ValueError as error:
            raise ConfigurationError(
                f"SHELFWISE_TRUSTED_PROXIES: {error}; write addresses or networks such as 10.0.0.0/8, comma separated."
            ) from error

    def of(self, scope: Scope) -> str | None:
        """The caller's address; of IPv6 the first 64 bits, which one customer has for itself. None when unknown.

        Behind trusted proxies it is the last address of X-Forwarded-For that is not one of theirs: everything before
        it was written by who called.
        """
        client = scope.get("client")
        found = _parsed(client[0]) if client else None
        if found is None or not self._trusts(found):
            return _named(found)
        header = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for text in reversed(header.decode("latin-1").split(",")[-_HOPS_MAX:]):
            hop = _parsed(text.strip())
            if hop is None:
                break
            found = hop
            if not self._trusts(hop):
                break
        return _named(found)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return found if mapped is None else mapped


@functools.lru_cache(maxsize=4096)
def _named(address: Address | None) -> str | None:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return None if address is None else str(address)


NO_PROXIES = Addresses()


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a minute that one name has. A sixth of them, and at least five, may come at once."""

    policy: str  # key | address | shopper
    per_min: int

    @property
    def burst(self) -> int:
        """Calls that may come at once."""
        return max(5, self.per_min // 6)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call too many: what to tell the caller."""

    detail: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """The rates of a service with keys; without a counter nothing is limited."""

    counter: RateCounter | None = None
    key: Rate = Rate("key", 0)
    address: Rate = Rate("address", 0)
    shopper: Rate = Rate("shopper", 0)

    @classmethod
    def from_settings(cls, settings: Settings, counter: RateCounter | None) -> Limits:
        """The rates of the settings. Without keys only this machine may call, and nothing is counted."""
        return cls(
            counter if settings.has_keys else None,
            Rate("key", settings.rate_limit_key_per_min),
            Rate("address", settings.rate_limit_address_per_min),
            Rate("shopper", settings.rate_limit_shopper_per_min),
        )

    def check(self, asked: Sequence[tuple[Rate, str | None]]) -> tuple[Refusal | None, Mapping[str, str]]:
        """Counts one call under each name; the refusal, if any, and the headers of an answer: of what is scarcest."""
        if self.counter is None:
            return None, {}
        scarcest: tuple[float, dict[str, str]] = (math.inf, {})
        for rate, name in asked:
            if rate.per_min <= 0 or name is None:
                continue
            taken = self.counter.take(f"{rate.policy}\0{name}", rate.per_min / 60.0, rate.burst)
            wait_s = math.ceil(taken.wait_s)
            policy = f'"{rate.policy}";q={rate.burst};w={math.ceil(60 * rate.burst / rate.per_min)}'
            headers = {
                "ratelimit-policy": policy,
                "ratelimit": f'"{rate.policy}";r={taken.remaining};t={max(wait_s, 0 if taken.remaining else 1)}',
            }
            if not taken.allowed:
                detail = f"This {rate.policy} may call {rate.per_min:,} times a minute; call again in {wait_s} s."
                return Refusal(detail, {**headers, "retry-after": str(max(1, wait_s))}), headers
            if taken.remaining / rate.burst < scarcest[0]:
                scarcest = (taken.remaining / rate.burst, headers)
        return None, scarcest[1]

    def admit(self, kind: PartyKind, name: str) -> None:
        """Counts one call for a shopper, visitor or session. Raises: ApiError (429 rate_limited): one too many."""
        refusal, _ = self.check([(self.shopper, f"{kind}\0{name}")])
        if refusal is not None:
            raise ApiError(Code.RATE_LIMITED, refusal.detail, headers=refusal.headers)


OFF = Limits()
