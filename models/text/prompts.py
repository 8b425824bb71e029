"""From messages to the tokens of a chat model's prompt."""

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from gitex.errors import InvalidInput, PromptTooLong
from gitex.specs import Message

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For models that bring no chat template."""
_CHARACTERS_A_TOKEN = 64
"""No sensible prompt has longer tokens on average: longer ones are refused before they cost tokenizer time."""


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: tuple[Message, ...], context_length: int) -> list[int]:
    """Tokens of `messages` up to where the assistant speaks.

    Raises `PromptTooLong` when no room is left for an answer, `InvalidInput` when there are no messages or the
    model's template refuses their order.
    """
    if not messages:
        raise InvalidInput("there are no messages", param="messages")
    characters = sum(len(message.content) for message in messages)
    if characters > _CHARACTERS_A_TOKEN * context_length:
        raise PromptTooLong(
            f"the prompt has {characters} characters; the model takes {context_length} tokens", param="messages"
        )
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as problem:
        raise InvalidInput(f"the model does not take these messages: {problem}", param="messages") from problem
    # The template writes the special tokens itself.
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(tokens) >= context_length:
        raise PromptTooLong(
            f"the prompt has {len(tokens)} tokens; the model takes {context_length} with the answer", param="messages"
        )
    return tokens
