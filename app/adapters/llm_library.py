"""litellm and instructor, imported late and set up once, and the one connection that a model client calls through.

Everything that these libraries do on their own is switched off here: retries, their aiohttp transport, price and
header look-ups on the network, logging of prompts and replies, printing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from app.adapters.llm_wire import CURRENT, CappedTransport, WireFacts
from app.domain.errors import ConfigurationError
from app.domain.model_calls import Message, ModelCall, ToolSpec

CONNECT_TIMEOUT_S = 3.0
CALL_LIMIT_S = 8.0
"""No call takes longer, whatever drips in."""


def import_litellm() -> Any:
    """litellm, set up. Takes 2 to 6 s and 150 MB the first time: call it in a thread, off the request path."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True")
    import litellm

    litellm.disable_aiohttp_transport = True  # respx, proxies and our byte cap all sit in httpx
    litellm.suppress_debug_info = True
    litellm.disable_streaming_logging = True
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # its warnings hold provider text
    return litellm


class Connection:
    """One provider, reached through `CappedTransport` whichever route litellm takes for it. Bound to one event loop."""

    def __init__(self, litellm: Any, http: httpx.AsyncClient, handler: Any, model: str, where: _Where) -> None:
        self._litellm = litellm
        self._http = http
        self._handler = handler
        self._model = model
        self._where = where
        self._formats: dict[tuple[str, str], Mapping[str, object]] = {}

    @classmethod
    def open(
        cls, model: str, api_base: str, api_key: str, *, connections: int, transport: httpx.AsyncBaseTransport | None
    ) -> Connection:
        """Imports the libraries and makes the clients; sends nothing. Slow the first time.

        Args: transport: instead of httpx's own, for tests.
        """
        litellm = import_litellm()
        try:
            _, provider, known_key, known_base = litellm.get_llm_provider(model, api_base=api_base or None)
        except litellm.BadRequestError as error:
            raise ConfigurationError(
                f"litellm knows no provider for {model!r}; write SHELFWISE_LLM_MODEL as provider/model"
            ) from error
        limits = httpx.Limits(
            max_connections=connections + 2, max_keepalive_connections=connections, keepalive_expiry=20.0
        )
        inner = transport or httpx.AsyncHTTPTransport(verify=True, limits=limits, retries=0)
        timeout = httpx.Timeout(CALL_LIMIT_S, connect=CONNECT_TIMEOUT_S, pool=1.0)
        key = api_key or known_key or ""
        if not key and provider == "openai" and not api_base:  # never to another host
            key = os.environ.get("OPENAI_API_KEY", "")
        handler = _handler(CappedTransport(inner), timeout, key or "none", api_base or known_base)
        return cls(litellm, handler.client, handler, model, _Where(provider, api_base, api_key, timeout))

    @property
    def provider(self) -> str:
        """The provider's name in litellm: "openai", "anthropic", …"""
        return self._where.provider

    async def stream(self, call: ModelCall) -> AsyncIterator[Any]:
        """litellm's chunks of the reply. Raises whatever litellm raises."""
        where = self._where
        wanted: dict[str, Any] = {}
        if call.schema is not None:
            wanted["response_format"] = await self._format(call.schema_name, call.schema)
        if call.tools:
            wanted["tools"] = [_tool(tool) for tool in call.tools]
            wanted["_skip_mcp_handler"] = True  # else litellm loads an MCP client to look for tools of its own
        if where.api_base:
            wanted["api_base"] = where.api_base
        if where.api_key:
            wanted["api_key"] = where.api_key
        if where.provider == "azure":  # builds its own SDK client, around our http client
            self._litellm.aclient_session = self._http
        else:
            wanted["client"] = self._handler
        answer = await self._litellm.acompletion(
            model=self._model,
            messages=[_message(message) for message in call.messages],
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=call.max_output_tokens,
            temperature=0.0,
            drop_params=True,  # what a provider does not know is left out; the prompt states the form as well
            timeout=where.timeout.read,
            max_retries=0,
            num_retries=0,
            **wanted,
        )
        return cast("AsyncIterator[Any]", answer)

    async def first(self, call: ModelCall) -> None:
        """Asks for the first chunk: some providers are reached only then."""
        async for _ in await self.stream(call):
            return

    async def prepare(self, name: str, schema: Mapping[str, object]) -> None:
        """Makes ready what the first call with this schema needs."""
        await self._format(name, schema)

    async def close(self) -> None:
        """Closes every socket."""
        await self._http.aclose()
        if self._litellm.aclient_session is self._http:
            self._litellm.aclient_session = None
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    async def _format(self, name: str, schema: Mapping[str, object]) -> Mapping[str, object]:
        # By content too: two prompts under one name may ask for different forms.
        key = (name, json.dumps(schema))
        if key not in self._formats:
            self._formats[key] = await strict_format(name, schema)
        return self._formats[key]


def _message(message: Message) -> dict[str, Any]:
    """A message as OpenAI's protocol has it, which litellm translates for other providers."""
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        sent["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class _Where:
    """What every call to this provider carries."""

    provider: str
    api_base: str
    api_key: str
    timeout: httpx.Timeout


class _NoNetwork(httpx.AsyncBaseTransport):
    """Lets a request be built and goes no further."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("not sent: litellm only gets ready", request=request)


def rehearse(model: str, api_base: str, api_key: str, call: ModelCall) -> None:
    """Builds one request that is not sent, so that litellm loads what it otherwise loads in its first call (1 s).

    Blocks; for a thread, in an event loop of its own.

    Raises: ConfigurationError: litellm knows no such provider, can't build a request for it, or reaches it past our
            transport (few do), where neither the byte cap nor the ban on redirects holds.
    """
    facts = WireFacts()

    async def once() -> BaseException | None:
        CURRENT.set(facts)
        connection = Connection.open(model, api_base, api_key, connections=1, transport=_NoNetwork())
        attempt = asyncio.ensure_future(connection.first(call))
        await asyncio.wait({attempt})
        await connection.close()
        return attempt.exception()  # the refusal above, in whatever litellm makes of it

    error = asyncio.run(once())
    if facts.requests == 0:
        raise ConfigurationError(
            f"{model} can't be used: litellm made no request through this service ({type(error).__name__}); "
            "use a provider with an OpenAI-compatible address, as openai/MODEL with SHELFWISE_LLM_API_BASE"
        )
    litellm = import_litellm()
    litellm.token_counter(model="gpt-4o-mini", text="-")  # loads a tokenizer, 1 s, which every reply's end asks for
    litellm.ModelResponseStream(choices=[{"index": 0, "delta": {"content": "-"}}], usage=litellm.Usage())


def _handler(transport: CappedTransport, timeout: httpx.Timeout, api_key: str, api_base: str | None) -> Any:
    """A client that fits both of litellm's routes: its own HTTP handler, and the OpenAI SDK's `client.chat`."""
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
    from openai import AsyncOpenAI

    class _BothRoutes(AsyncHTTPHandler):
        """litellm asks for one or the other by provider, in 90 branches that change with every release."""

        def sdk_client(self) -> AsyncOpenAI:
            return AsyncOpenAI(
                api_key=api_key, base_url=api_base, http_client=self.client, timeout=timeout, max_retries=0
            )

        def __getattr__(self, name: str) -> Any:
            """Called for what an HTTP handler does not have: the SDK's attributes."""
            if name.startswith("__") or "sdk" in name:
                raise AttributeError(name)
            if "sdk" not in self.__dict__:
                self.__dict__["sdk"] = self.sdk_client()
            return getattr(self.__dict__["sdk"], name)

    return _BothRoutes(timeout=timeout, transport=transport, follow_redirects=False)


async def strict_format(name: str, schema: Mapping[str, object]) -> Mapping[str, object]:
    """The `response_format` that instructor sends in JSON_SCHEMA mode, made strict.

    instructor is asked once per schema, through its public client around a function that only notes what it is given:
    on the path of a call it would cost more than litellm does (docs/decisions/005-model-call.md).
    """
    import instructor
    from openai.types.chat import ChatCompletion, ChatCompletionMessage
    from openai.types.chat.chat_completion import Choice
    from pydantic import BaseModel

    class _Form(BaseModel):
        @classmethod
        def model_json_schema(cls, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
            return dict(schema)

    _Form.__name__ = name
    noted: dict[str, Any] = {}

    async def note(**kwargs: Any) -> ChatCompletion:
        noted.update(kwargs)
        message = ChatCompletionMessage(role="assistant", content="{}")
        choice = Choice(finish_reason="stop", index=0, message=message)
        return ChatCompletion(id="none", choices=[choice], created=0, model="none", object="chat.completion")

    client = instructor.from_litellm(note, mode=instructor.Mode.JSON_SCHEMA, async_client=True)
    await client.chat.completions.create(
        model="none", response_model=_Form, max_retries=0, messages=[{"role": "user", "content": "-"}]
    )
    form = noted["response_format"]
    form["json_schema"]["strict"] = True
    return cast("Mapping[str, object]", form)
