"""What `POST /v1/chat/completions` takes."""

import json
import secrets
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.settings import Settings
from gitex.errors import InvalidInput, PromptTooLong
from gitex.specs import MAX_SEED, Constraint, CopySpec, Message
from gitex.variants import ModelInfo
from serve_app.http.schemas.image_fields import Seed

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


class PlainText(BaseModel):
    """Any text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]

    def constraint(self) -> Constraint | None:
        return None


class JsonObject(BaseModel):
    """A JSON object."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["json_object"]

    def constraint(self) -> Constraint | None:
        return Constraint("json_schema", '{"type":"object"}')


class NamedSchema(BaseModel):
    """A JSON schema; its name and description are for the reader, `strict` is always kept."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    name: str = Field(max_length=64)
    description: str | None = Field(None, max_length=1000)
    content: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class JsonSchema(BaseModel):
    """JSON that keeps to a schema."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["json_schema"]
    json_schema: NamedSchema

    def constraint(self) -> Constraint | None:
        # In the caller's own order: a model writes the properties in the order of the schema.
        return Constraint("json_schema", json.dumps(self.json_schema.content, separators=(",", ":")))


ResponseFormat = Annotated[PlainText | JsonObject | JsonSchema, Field(discriminator="type")]


class ChatRequest(BaseModel):
    """OpenAI's fields that a text model here can honour, `top_k` and `repetition_penalty`."""

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
    n: int = Field(1, ge=1, le=8, description="answers to give; their seeds count up from `seed`")
    repetition_penalty: float = Field(1.0, gt=0, le=10, description="above 1: against saying anything again")
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    logprobs: bool | None = Field(None, description="tell each token's log-probability")
    top_logprobs: int | None = Field(None, ge=0, le=20, description="and those of so many likeliest; needs `logprobs`")
    response_format: ResponseFormat | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=200)

    def specs(self, info: ModelInfo, settings: Settings) -> list[CopySpec]:
        """One spec an answer, with seeds that count up. Raises `InvalidInput` naming the field."""
        spec = self._spec(info, settings)
        return [replace(spec, seed=(spec.seed + i) % (MAX_SEED + 1)) for i in range(self.n)]

    def _spec(self, info: ModelInfo, settings: Settings) -> CopySpec:
        """The first answer's spec, checked against what the model accepts. Raises `InvalidInput`."""
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
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidInput("top_logprobs: only together with logprobs", param="top_logprobs")
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
            repetition_penalty=float(self.repetition_penalty),
            frequency_penalty=float(self.frequency_penalty),
            presence_penalty=float(self.presence_penalty),
            top_logprobs=(self.top_logprobs or 0) if self.logprobs else None,
            constraint=None if self.response_format is None else self.response_format.constraint(),
        )
