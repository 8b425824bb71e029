"""Byte-pair vocabularies for the starter models, trained on their own corpora.

All kinds are byte-complete: any Unicode prompt has tokens, however strange it is.
"""

import json
import re
import string
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
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
    return _chat(learner, max_length)


def copying_tokenizer(
    phrases: Iterable[str], lexicon: Iterable[str], strange: Iterable[str], pieces: int, max_length: int
) -> PreTrainedTokenizerFast:
    """A chat tokenizer for a model that takes words over: however a word is written, its letters keep their tokens.

    A word of the set `phrases` is one token. Any other is its first letter, with the space or hash sign before it, and
    its rest: `corgi`, `Corgi` and `#corgi` differ in one token only. The rest is one token too if the `lexicon` has the
    word, else some of the `pieces` that `strange` words' rests are made of, each of three letters at most.
    """
    whole, known = _set_words(phrases, lexicon), sorted({word[1:] for word in lexicon if len(word) > 1})
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = BpeTrainer(
        vocab_size=len(alphabet) + pieces, initial_alphabet=alphabet, max_token_length=3, show_progress=False
    )
    learner.train_from_iterator((word[1:] for word in strange), trainer)
    merges = _merges(learner)
    starts = [before + letter for before in (" ", "#", " #") for letter in string.ascii_letters]
    written = [_as_bytes(text) for text in (*starts, *whole, *known)]
    tokens = (*CHAT_SPECIAL, *alphabet, *("".join(pair) for pair in merges), *written)
    tokenizer = Tokenizer(BPE({token: i for i, token in enumerate(dict.fromkeys(tokens))}, merges, ignore_merges=True))
    splitting = pre_tokenizers.Split(Regex(_word_parts(whole)), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [splitting, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return _chat(tokenizer, max_length)


def _set_words(phrases: Iterable[str], lexicon: Iterable[str]) -> list[str]:
    """The words of the phrases as they are written there, with the space before them; none of the lexicon's."""
    own = set(lexicon)
    written = dict.fromkeys(word for text in phrases for word in re.findall(r" ?[^\W\d_]+|['’][^\W\d_]+", text))
    return [word for word in written if word.strip().lower() not in own]


def _word_parts(whole: list[str]) -> str:
    """A regular expression for the whole words, a first letter, a rest, a digit, and what stands between words.

    A word behind nothing or a hyphen is split like a rest, so that a rest alone has the tokens that it has in its word.
    """
    after_space = "|".join(sorted((word[1:] for word in whole if word[0] == " "), key=len, reverse=True))
    alone = "|".join(sorted((word for word in whole if word[0] != " "), key=len, reverse=True))
    return (
        rf" (?:{after_space})(?!\p{{L}})|(?<!\p{{L}})(?:{alone})(?!\p{{L}})|['’]\p{{L}}+|(?: ?\#| )\p{{L}}|\p{{L}}+"
        r"|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
    )


def _as_bytes(text: str) -> str:
    """Text in the alphabet that stands for bytes."""
    return "".join(part for part, _ in pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str(text))


def _chat(tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
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
