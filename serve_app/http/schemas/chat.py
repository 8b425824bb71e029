"""Bodies of `POST /v1/chat/completions`."""

import secrets
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.settings import Settings
from gitex.errors import InvalidInput, PromptTooLong
from gitex.specs import CopySpec, Message
from gitex.variants import ModelInfo
from serve_app.http.schemas.images import Seed

Stop = Annotated[str, Field(min_length=1, max_length=200)]


class TextPart(BaseModel):
    """A text part of a message."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One turn."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1)]
    name: str | None = Field(None, max_length=200)

    def message(self) -> Message:
        """The turn in the words of a spec; OpenAI's newer `developer` is the older `system`."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return Message("system" if self.role == "developer" else self.role, text)


class StreamOptions(BaseModel):
    """What a stream carries besides text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False


class ChatRequest(BaseModel):
    """OpenAI's fields that a text model here can honour, and `top_k`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    messages: list[ChatMessage] = Field(min_length=1, max_length=100)
    model: str | None = Field(
        None, max_length=200, description="`name` or `name@version`; default: the first text model"
    )
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1, description="the newer name of `max_tokens`")
    temperature: float = Field(1.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, le=1_000_000, description="0 keeps every token")
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    seed: Seed | None = Field(None, description="default: drawn at random")
    n: Literal[1] = 1
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=200)

    def spec(self, info: ModelInfo, settings: Settings) -> CopySpec:
        """The spec, checked against what the model accepts. Raises `InvalidInput` naming the field."""
        limits = info.text
        if limits is None:
            raise InvalidInput(f"{info.variant.id} does not write text", param="model")
        messages = tuple(message.message() for message in self.messages)
        characters = sum(len(message.content) for message in messages)
        if characters > settings.max_prompt_chars:
            raise PromptTooLong(
                f"messages: {characters} characters; at most {settings.max_prompt_chars} are taken", param="messages"
            )
        wanted = self.max_completion_tokens or self.max_tokens or limits.default_max_tokens
        if wanted > limits.context_length:
            raise InvalidInput(
                f"max_tokens: {info.variant.id} has a context of {limits.context_length}", param="max_tokens"
            )
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return CopySpec(
            variant=info.variant,
            messages=messages,
            max_tokens=wanted,
            temperature=float(self.temperature),
            top_p=float(self.top_p),
            top_k=self.top_k,
            stop=stop,
            seed=secrets.randbelow(2**32) if self.seed is None else self.seed,
        )


class Usage(BaseModel):
    """Token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AssistantMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """One answer."""

    index: int = 0
    message: AssistantMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class TextProvenance(BaseModel):
    """What decided the text."""

    variant: str
    weights_digest: str
    seed: int


class ChatResponse(BaseModel):
    """OpenAI's answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    gitex: TextProvenance
