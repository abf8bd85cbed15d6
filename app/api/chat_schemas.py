"""What a chat client sends. Unknown fields are ignored: the AI SDK's clients send more with every release."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.api.errors import ApiError, Code, FieldError
from app.api.schemas import Identifier
from app.domain.chat import MAX_MESSAGE_CHARS, ChatTurn, Talker

MAX_MESSAGES = 500
MAX_PARTS = 200


class _Sent(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class MessagePart(_Sent):
    """One part of a message; only text is read."""

    type: Annotated[str, Field(max_length=200)]
    text: str | None = None


class UiMessage(_Sent):
    """One message of the conversation as the client holds it."""

    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[MessagePart], Field(max_length=MAX_PARTS)] = []


class ChatBody(_Sent):
    """POST /api/chat: an AI SDK chat request, and who is talking.

    Only the shopper's newest message is read. What was said before is remembered here, not taken from the client.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "c-1",
                    "anonymousId": "v-1",
                    "messages": [{"role": "user", "parts": [{"type": "text", "text": "a lamp under 50"}]}],
                }
            ]
        }
    )

    id: Identifier | None = Field(None, description="The conversation.")
    messages: Annotated[list[UiMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    user_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    session_id: Identifier | None = None
    product_id: Identifier | None = Field(None, description="The product page that the shopper is on.")
    cart: Annotated[list[Identifier], Field(max_length=100)] = []

    def turn(self) -> ChatTurn:
        """The newest message as a turn. Raises ApiError (422): it is not the shopper's, is empty or too long."""
        newest = self.messages[-1]
        if newest.role != "user":
            raise _wrong("the last message must have the role user")
        text = "\n".join(p.text for p in newest.parts if p.type == "text" and p.text is not None).strip()
        text = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no character
        if not text:
            raise _wrong("the last message has no text part with any text")
        if len(text) > MAX_MESSAGE_CHARS:
            raise _wrong(f"the last message has {len(text)} characters; at most {MAX_MESSAGE_CHARS} are read")
        return ChatTurn(
            text=text,
            talker=Talker(self.user_id, self.anonymous_id, self.session_id),
            conversation_id=self.id,
            product_id=self.product_id,
            cart=tuple(self.cart),
        )


def _wrong(message: str) -> ApiError:
    return ApiError(Code.INVALID_REQUEST, f"Not valid: {message}.", errors=(FieldError("messages", message),))
