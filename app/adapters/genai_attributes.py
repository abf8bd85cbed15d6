"""OpenTelemetry's names for what a model call was: the `gen_ai.*` attributes of spans.

The names are those of the installed `opentelemetry-semantic-conventions`, where they are still marked as incubating:
a release that renames one fails the import here, not a dashboard somewhere. Messages, instructions and tool arguments
have names there as well and are never set: they may repeat a shopper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as names

Attributes = dict[str, str | int]

_OPERATION: Mapping[str, str] = {
    "generation": names.GenAiOperationNameValues.CHAT.value,
    "retriever": names.GenAiOperationNameValues.RETRIEVAL.value,
    "tool": names.GenAiOperationNameValues.EXECUTE_TOOL.value,
    "agent": names.GenAiOperationNameValues.INVOKE_AGENT.value,
}

_PROVIDERS = names.GenAiProviderNameValues
_PROVIDER_OF: Mapping[str, str] = {
    "azure": _PROVIDERS.AZURE_AI_OPENAI.value,
    "azure_ai": _PROVIDERS.AZURE_AI_INFERENCE.value,
    "bedrock": _PROVIDERS.AWS_BEDROCK.value,
    "gemini": _PROVIDERS.GCP_GEMINI.value,
    "mistral": _PROVIDERS.MISTRAL_AI.value,
    "vertex_ai": _PROVIDERS.GCP_VERTEX_AI.value,
    "watsonx": _PROVIDERS.IBM_WATSONX_AI.value,
    "xai": _PROVIDERS.X_AI.value,
}
"""litellm's prefix → OpenTelemetry's name, where the two differ."""


def operation(kind: str, name: str) -> Attributes:
    """What an observation of this kind is called; empty for one that the conventions have no operation for.

    Args: kind: "generation", "tool", "agent" or another; name: of the tool or the agent.
    """
    said = _OPERATION.get(kind)
    if said is None:
        return {}
    found: Attributes = {names.GEN_AI_OPERATION_NAME: said}
    if kind == "tool":
        found |= {names.GEN_AI_TOOL_NAME: name, names.GEN_AI_TOOL_TYPE: "function"}
    elif kind == "agent":
        found[names.GEN_AI_AGENT_NAME] = name
    return found


def generation(
    model: str,
    *,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    prompt_name: str = "",
    output: Literal["json", "text"] | None = None,
) -> Attributes:
    """A model call.

    Args: model: as litellm names it, "openai/gpt-4o-mini"; input_tokens: cached ones included, as the conventions
          have it; output: the form that was asked for, None where that is not known here.
    """
    found: Attributes = operation("generation", "")
    found |= {
        names.GEN_AI_REQUEST_MODEL: model,
        names.GEN_AI_USAGE_INPUT_TOKENS: input_tokens,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: output_tokens,
    }
    prefix, slash, _ = model.partition("/")
    if slash:
        found[names.GEN_AI_PROVIDER_NAME] = _PROVIDER_OF.get(prefix, prefix)
    if cached_tokens:
        found[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = cached_tokens
    if prompt_name:
        found[names.GEN_AI_PROMPT_NAME] = prompt_name
    if output is not None:
        found[names.GEN_AI_OUTPUT_TYPE] = output
    return found
