"""The use case of copy: a brief becomes title, tagline, description and hashtags."""

from dataclasses import dataclass

from gitex.copywriting import CopyBrief, CopyText, copy_spec, parse_copy
from gitex.errors import EngineFailure, PromptTooLong
from gitex.events import TextFinished
from gitex.ports import RunContext, TextModel
from gitex.specs import CopySpec
from serve_app.services.texts import whole_text


@dataclass(frozen=True)
class WrittenCopy:
    """Copy, and the very spec that made it."""

    copy: CopyText
    spec: CopySpec
    finished: TextFinished


async def write_copy(model: TextModel, brief: CopyBrief, seed: int, context: RunContext) -> WrittenCopy:
    """Have `model` write in the form of copy. Raises what the model raises.

    Raises `PromptTooLong` when the model's context was full before the copy was complete.
    """
    limits = model.info.text
    if limits is None:
        raise EngineFailure(f"{model.info.variant.id} reports no text limits")
    spec = copy_spec(model.info.variant, brief, seed, limits.words)
    written = await whole_text(model.generate(spec, context))
    finished = written.finished
    if finished.reason == "length":
        raise PromptTooLong(
            f"the brief has {finished.prompt_tokens} tokens; of the {limits.context_length} that the model takes it "
            f"leaves {finished.completion_tokens} for the copy, and this one needs more",
            param="prompt",
        )
    return WrittenCopy(parse_copy(written.text), spec, finished)
