"""What `POST /v1/chat/completions` answers."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from gitex.events import TextFinished, TokenLogprob


class Usage(BaseModel):
    """Token counts. A prompt that several answers share is counted once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, finished: Sequence[TextFinished]) -> Self:
        """The counts of the answers to one prompt."""
        prompt, completion = finished[0].prompt_tokens, sum(end.completion_tokens for end in finished)
        return cls(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


class AssistantMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class LikelyToken(BaseModel):
    """A token that might have stood in another's place."""

    token: str
    logprob: float
    bytes: list[int]


def _fields(entry: TokenLogprob) -> dict[str, Any]:
    # JSON has no infinity; OpenAI's number for a token that cannot be is this.
    return {"token": entry.token, "logprob": max(entry.logprob, -9999.0), "bytes": list(entry.content)}


class ChosenToken(LikelyToken):
    """A token of the answer."""

    top_logprobs: list[LikelyToken]

    @classmethod
    def of(cls, entry: TokenLogprob) -> Self:
        """OpenAI's shape of a log-probability."""
        top = [LikelyToken(**_fields(other)) for other in entry.top]
        return cls(**_fields(entry), top_logprobs=top)


class ChoiceLogprobs(BaseModel):
    """The answer's tokens with how likely the model held them."""

    content: list[ChosenToken]
    refusal: None = None

    @classmethod
    def of(cls, entries: Sequence[TokenLogprob]) -> Self:
        """OpenAI's shape of an answer's log-probabilities."""
        return cls(content=[ChosenToken.of(entry) for entry in entries])


class Choice(BaseModel):
    """One answer."""

    index: int = 0
    message: AssistantMessage
    finish_reason: Literal["stop", "length"]
    logprobs: ChoiceLogprobs | None = None


class TextProvenance(BaseModel):
    """What decided the text."""

    variant: str
    weights_digest: str
    seed: int = Field(description="of the first answer; those of the others count up")


class ChatResponse(BaseModel):
    """OpenAI's answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    gitex: TextProvenance
