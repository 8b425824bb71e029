"""Bodies of `POST /v1/copy`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from configs.settings import Settings
from gitex.copywriting import CopyBrief, Tone
from gitex.errors import PromptTooLong
from serve_app.http.schemas.completion import TextProvenance, Usage
from serve_app.http.schemas.image_fields import Seed


class CopyRequest(BaseModel):
    """What copy is wanted for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str = Field(min_length=1, examples=["a red star on a blue background, pixel style"])
    keywords: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(default_factory=list, max_length=10)
    tone: Tone = "neutral"
    model: str | None = Field(
        None, max_length=200, description="`name` or `name@version`; default: the first text model"
    )
    seed: Seed | None = Field(None, description="default: drawn at random")
    user: str | None = Field(None, max_length=200)

    def brief(self, settings: Settings) -> CopyBrief:
        """The brief. Raises `InvalidInput` naming the field."""
        if len(self.prompt) > settings.max_prompt_chars:
            raise PromptTooLong(
                f"prompt: {len(self.prompt)} characters; at most {settings.max_prompt_chars} are taken", param="prompt"
            )
        return CopyBrief(self.prompt, tuple(self.keywords), self.tone)


class CopyResponse(BaseModel):
    """Copy for one picture."""

    title: str
    tagline: str
    description: str
    hashtags: list[str] = Field(examples=[["#redstar", "#pixelart"]])
    usage: Usage
    gitex: TextProvenance
