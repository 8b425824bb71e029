"""Trains `starter-copy`: a small GPT-2 that writes copy for pictures and answers plain chat turns.

The conversations come from `models.starter.corpus`, rendered with the tokenizer's own chat template; only the
assistant's tokens carry loss. Which examples a step sees depends on the seed and the step only, so a training that was
interrupted goes on from its last checkpoint as if nothing had happened.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from gitex.copywriting import TONES, CopyBrief, brief_messages
from gitex.specs import Message
from models.starter.corpus import Conversation, conversations, copied_words, set_phrases, spoken_words
from models.starter.made_up import made_up_word
from models.starter.tokenizers import copying_tokenizer
from models.starter.training import CPU, fast_arithmetic
from models.text.load import KNOWN_WORDS

CONTEXT = 256
NO_LOSS = -100
_POOL = 32
"""Batches that are sorted by length together."""
_STRANGE_WORDS = 20_000


class Round(NamedTuple):
    """One rise and fall of the learning rate."""

    steps: int
    learning_rate: float
    exchanging: float = 0.0
    """The share of conversations whose words get other endings, see `with_other_rests`."""


@dataclass(frozen=True)
class Recipe:
    """How long and on how much. The defaults are what the shipped weights were trained with."""

    seed: int = 20261122
    conversations: int = 80_000
    pieces: int = 500
    rounds: tuple[Round, ...] = (Round(3_300, 2e-3), Round(2_600, 1.5e-3), Round(8_000, 1.5e-3, 0.6))
    batch: int = 16
    samples_every: int = 200

    def scaled(self, factor: float) -> "Recipe":
        """The same recipe with fewer (or more) steps."""
        return replace(self, rounds=tuple(r._replace(steps=max(1, round(r.steps * factor))) for r in self.rounds))

    @property
    def steps(self) -> int:
        """Steps of all rounds."""
        return sum(round_.steps for round_ in self.rounds)

    def learning_rate(self, step: int) -> float:
        """Up over the first steps of a round, level, and down in a line over its last third, to a fiftieth."""
        round_, into = self._round(step)
        warm = (into + 1) / min(100, round_.steps)
        decay = max(0.02, 3 * (round_.steps - into - 1) / round_.steps)
        return round_.learning_rate * min(1.0, warm, decay)

    def exchanging(self, step: int) -> float:
        """That of the round of `step`."""
        return self._round(step)[0].exchanging

    def _round(self, step: int) -> tuple[Round, int]:
        """The round of `step`, and how many of its steps lie before. Raises `ValueError` behind the last."""
        for round_ in self.rounds:
            if step < round_.steps:
                return round_, step
            step -= round_.steps
        raise ValueError(f"the recipe has {self.steps} steps")


def train(out: Path, work: Path, recipe: Recipe, device: torch.device = CPU) -> None:
    """Train tokenizer and model and save both under `out`; samples and checkpoints go to `work`.

    A checkpoint of the same recipe that lies in `work` is gone on from.
    """
    torch.manual_seed(recipe.seed)
    corpus = conversations(recipe.conversations, recipe.seed)
    tokenizer = new_tokenizer(recipe.pieces)
    tokenizer.save_pretrained(out)
    examples = encode(tokenizer, corpus)
    model = new_model(tokenizer)
    train_model(model, tokenizer, examples, recipe, work=work, device=device)
    model.half().save_pretrained(out, safe_serialization=True)
    (out / KNOWN_WORDS).write_text("\n".join(sorted(spoken_words())) + "\n", encoding="utf-8")


def new_tokenizer(pieces: int) -> PreTrainedTokenizerFast:
    """The corpus's tokenizer: what it says is known whole, what it takes over is spelled in `pieces`."""
    rng = random.Random(0)
    strange = (made_up_word(rng) for _ in range(_STRANGE_WORDS))
    return copying_tokenizer(set_phrases(), sorted(copied_words()), strange, pieces, CONTEXT)


def new_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """Random weights, 3.1 M parameters with the recipe's vocabulary."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=CONTEXT,
            n_embd=192,
            n_layer=5,
            n_head=6,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            resid_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            # Both compute what GPT-2's own do; on a CPU they train twice as fast.
            activation_function="gelu_pytorch_tanh",
            attn_implementation="eager",
        )
    )


def encode(tokenizer: PreTrainedTokenizerFast, corpus: list[Conversation]) -> list[tuple[list[int], int]]:
    """Token ids of each conversation with its answer, and how many of them are the prompt."""
    prompts = tokenizer([_rendered(tokenizer, c.messages) for c in corpus], add_special_tokens=False).input_ids
    answers = tokenizer([c.answer for c in corpus], add_special_tokens=False).input_ids
    end = tokenizer.eos_token_id
    return [([*p, *a, end][:CONTEXT], len(p)) for p, a in zip(prompts, answers, strict=True)]


def prompt_ids(tokenizer: PreTrainedTokenizerFast, messages: tuple[Message, ...]) -> list[int]:
    """The chat template's tokens of `messages`, up to where the assistant speaks."""
    ids: list[int] = tokenizer(_rendered(tokenizer, messages), add_special_tokens=False).input_ids
    return ids


def _rendered(tokenizer: PreTrainedTokenizerFast, messages: tuple[Message, ...]) -> str:
    turns = [{"role": m.role, "content": m.content} for m in messages]
    text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return text


def train_model(
    model: GPT2LMHeadModel,
    tokenizer: PreTrainedTokenizerFast,
    examples: list[tuple[list[int], int]],
    recipe: Recipe,
    *,
    work: Path,
    device: torch.device = CPU,
) -> None:
    """AdamW, in bfloat16 where the machine computes in it; batches of like lengths."""
    model.to(device).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate(0), betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    begin = _resume(model, optimizer, recipe, work)
    rests = rest_tokens(tokenizer)
    smooth = 7.0
    progress = tqdm(range(begin, recipe.steps), "copy", initial=begin, total=recipe.steps, mininterval=5)
    for step in progress:
        ids, targets = (part.to(device) for part in batch_of(step, examples, recipe, tokenizer.pad_token_id, rests))
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate(step)
        with fast_arithmetic(device):
            hidden = model.transformer(ids).last_hidden_state[:, :-1]
            wanted = targets[:, 1:] != NO_LOSS
            logits = model.lm_head(hidden[wanted])
        loss = F.cross_entropy(logits.float(), targets[:, 1:][wanted])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        smooth += 0.03 * (loss.item() - smooth)
        progress.set_postfix(loss=f"{smooth:.3f}")
        if (step + 1) % recipe.samples_every == 0 or step + 1 == recipe.steps:
            (work / f"samples-{step + 1:05d}.txt").write_text(_samples(model, tokenizer))
            _keep(model, optimizer, recipe, step + 1, work)
    model.cpu().eval()


def batch_of(
    step: int, examples: list[tuple[list[int], int]], recipe: Recipe, pad: int, rests: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The step's ids and targets, each (batch, longest); sorted by length within a pool of some batches.

    `rests`: see `with_other_rests`.
    """
    pool_number, part = divmod(step, _POOL)
    rng = random.Random(f"{recipe.seed}:{pool_number}")
    drawn = rng.sample(range(len(examples)), min(len(examples), _POOL * recipe.batch))
    pool = sorted((examples[i] for i in drawn), key=lambda example: len(example[0]))
    parts = [pool[i : i + recipe.batch] for i in range(0, len(pool), recipe.batch)]
    rng.shuffle(parts)
    chosen = parts[part % len(parts)]
    if share := recipe.exchanging(step):
        rng = random.Random(f"{recipe.seed}:{step}")
        chosen = [(with_other_rests(ids, n, rests, rng) if rng.random() < share else ids, n) for ids, n in chosen]
    longest = max(len(ids) for ids, _ in chosen)
    ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in chosen])
    targets = torch.tensor([[NO_LOSS] * n + ids[n:] + [NO_LOSS] * (longest - len(ids)) for ids, n in chosen])
    return ids, targets


def rest_tokens(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The tokens that are a known word without its first letter; a tone's name, which is an order, has none."""
    rests = {word[1:] for word in copied_words() - set(TONES) if len(word) > 1}
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return sorted(vocabulary[rest] for rest in rests if rest in vocabulary)


def with_other_rests(ids: list[int], prompt: int, rests: Sequence[int], rng: random.Random) -> list[int]:
    """The same conversation about words that do not exist: `judges` has become `jarrots` wherever it stands.

    Each of the `rests` in the first `prompt` ids becomes another one, the same in the prompt and in the answer. What
    answer and prompt have in common can then only be copied, not recalled, and seldom words are copied as often as
    all others.
    """
    known = set(rests)
    own = sorted(known.intersection(ids[:prompt]))
    others = dict(zip(own, rng.sample(rests, len(own)), strict=True))
    return [others.get(token, token) for token in ids]


def _keep(
    model: GPT2LMHeadModel, optimizer: torch.optim.Optimizer, recipe: Recipe, steps_done: int, work: Path
) -> None:
    """Write the checkpoint; a crash on the way leaves the one before."""
    state = {"recipe": str(recipe), "step": steps_done, "model": model.state_dict(), "adam": optimizer.state_dict()}
    torch.save(state, work / "checkpoint.new")
    (work / "checkpoint.new").replace(work / "checkpoint.pt")


def _resume(model: GPT2LMHeadModel, optimizer: torch.optim.Optimizer, recipe: Recipe, work: Path) -> int:
    """Put the checkpoint of this recipe back, if there is one; returns how many steps are done."""
    if not (work / "checkpoint.pt").exists():
        return 0
    state = torch.load(work / "checkpoint.pt", map_location="cpu", weights_only=True)
    if state["recipe"] != str(recipe):
        return 0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["adam"])
    steps_done: int = state["step"]
    return steps_done


@torch.no_grad()
def _samples(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> str:
    """Answers to briefs that go round the tones, two of them with words that the grammar does not know."""
    prompts = (
        "a red star on a blue background, pixel style",
        "a large yellow ring on a black background, dotted style",
        "mountains under a pink sky",
        "a raccoon stealing a bagel",
        "my grandmother's bakery in Lisbon, watercolour",
    )
    model.eval()
    torch.manual_seed(1)
    pieces = []
    for tone, prompt in zip(TONES, prompts, strict=True):
        ids = prompt_ids(tokenizer, brief_messages(CopyBrief(prompt, ("festival", "night")[: len(tone) % 3], tone)))
        given = torch.tensor([ids], device=model.device)
        out = model.generate(given, max_new_tokens=96, do_sample=True, temperature=0.7)[0]
        pieces.append(f"{prompt} ({tone})\n{tokenizer.decode(out[len(ids) :])}\n")
    model.train()
    return "\n".join(pieces)
