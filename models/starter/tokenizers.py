"""Byte-pair vocabularies for the starter models, trained on their own corpora.

Both kinds are byte-complete: any Unicode prompt has tokens, however strange it is.
"""

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer, PreTrainedTokenizerFast

CLIP_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
END_OF_WORD = "</w>"
CHAT_END, CHAT_PAD = "<|end|>", "<|pad|>"
CHAT_SPECIAL = (CHAT_PAD, CHAT_END, "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_clip_tokenizer(corpus: Iterable[str], vocabulary: int, max_length: int) -> CLIPTokenizer:
    """A `CLIPTokenizer` with merges learnt from `corpus`; prompts are cut at `max_length` tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(BPE(end_of_word_suffix=END_OF_WORD))
    learner.pre_tokenizer = CLIPTokenizer().backend_tokenizer.pre_tokenizer
    learner.train_from_iterator(
        (line.lower() for line in corpus),
        BpeTrainer(
            vocab_size=vocabulary, initial_alphabet=alphabet, end_of_word_suffix=END_OF_WORD, show_progress=False
        ),
    )
    merges = _merges(learner)
    # The trainer only keeps the word-final bytes it saw; CLIP's own vocabulary has all of them.
    pieces = alphabet + [byte + END_OF_WORD for byte in alphabet] + ["".join(pair) for pair in merges]
    vocabulary_ids = {piece: i for i, piece in enumerate([*CLIP_SPECIAL, *dict.fromkeys(pieces)])}
    return CLIPTokenizer(vocab=vocabulary_ids, merges=merges, model_max_length=max_length)


def train_chat_tokenizer(corpus: Iterable[str], vocabulary: int, max_length: int) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with a chat template: `<|role|>content<|end|>` for each message."""
    learner = Tokenizer(BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner.train_from_iterator(
        corpus,
        BpeTrainer(
            vocab_size=vocabulary, special_tokens=list(CHAT_SPECIAL), initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=learner,
        eos_token=CHAT_END,
        pad_token=CHAT_PAD,
        additional_special_tokens=list(CHAT_SPECIAL[2:]),
        model_max_length=max_length,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    merges: list[list[str]] = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges]
