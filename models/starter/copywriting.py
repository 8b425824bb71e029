"""Trains `starter-copy`: a small GPT-2 that writes copy for pictures and answers plain chat turns.

The conversations come from `models.starter.corpus`, rendered with the tokenizer's own chat template; only the
assistant's tokens carry loss.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from gitex.copywriting import TONES, CopyBrief, brief_messages
from gitex.specs import Message
from models.starter.corpus import Conversation, conversations
from models.starter.tokenizers import train_chat_tokenizer

CONTEXT = 256
NO_LOSS = -100


@dataclass(frozen=True)
class Recipe:
    """How long and on how much. The defaults are what the shipped weights were trained with."""

    seed: int = 20261122
    conversations: int = 40_000
    vocabulary: int = 1_800
    steps: int = 1_400
    batch: int = 24
    learning_rate: float = 3e-3
    samples_every: int = 200

    def scaled(self, factor: float) -> "Recipe":
        """The same recipe with fewer (or more) steps."""
        return replace(self, steps=max(1, round(self.steps * factor)))


def train(out: Path, work: Path, recipe: Recipe) -> None:
    """Train tokenizer and model and save both under `out`; samples are written to `work` as training goes."""
    torch.manual_seed(recipe.seed)
    corpus = conversations(recipe.conversations, recipe.seed)
    texts = (text for c in corpus for text in (*(m.content for m in c.messages), c.answer))
    tokenizer = train_chat_tokenizer(texts, recipe.vocabulary, CONTEXT)
    tokenizer.save_pretrained(out)
    examples = [encode_example(tokenizer, conversation) for conversation in tqdm(corpus, "encoding", mininterval=5)]
    model = new_model(tokenizer)
    train_model(model, tokenizer, examples, recipe, work)
    model.half().save_pretrained(out, safe_serialization=True)


def new_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """Random weights, 1.3 M parameters."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=CONTEXT,
            n_embd=144,
            n_layer=4,
            n_head=4,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            resid_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def encode_example(tokenizer: PreTrainedTokenizerFast, conversation: Conversation) -> tuple[list[int], int]:
    """Token ids of a conversation with its answer, and how many of them are the prompt."""
    prompt = prompt_ids(tokenizer, conversation.messages)
    answer = tokenizer(conversation.answer, add_special_tokens=False).input_ids
    return [*prompt, *answer, tokenizer.eos_token_id][:CONTEXT], len(prompt)


def prompt_ids(tokenizer: PreTrainedTokenizerFast, messages: tuple[Message, ...]) -> list[int]:
    """The chat template's tokens of `messages`, up to where the assistant speaks."""
    turns = [{"role": m.role, "content": m.content} for m in messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return ids


def train_model(
    model: GPT2LMHeadModel,
    tokenizer: PreTrainedTokenizerFast,
    examples: list[tuple[list[int], int]],
    recipe: Recipe,
    work: Path,
) -> None:
    """AdamW with a warm cosine; batches of like lengths."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    warm = min(100, recipe.steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / warm) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / recipe.steps))),
    )
    batches = _batches(examples, recipe, tokenizer.pad_token_id)
    smooth = 7.0
    model.train()
    progress = tqdm(range(recipe.steps), "copy", mininterval=5)
    for step in progress:
        ids, targets = next(batches)
        hidden = model.transformer(ids).last_hidden_state[:, :-1]
        wanted = targets[:, 1:] != NO_LOSS
        loss = F.cross_entropy(model.lm_head(hidden[wanted]), targets[:, 1:][wanted])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        smooth += 0.03 * (loss.item() - smooth)
        progress.set_postfix(loss=f"{smooth:.3f}")
        if (step + 1) % recipe.samples_every == 0 or step + 1 == recipe.steps:
            (work / f"samples-{step + 1:05d}.txt").write_text(_samples(model, tokenizer))
            model.save_pretrained(work / "latest", safe_serialization=True)
    model.eval()


def _batches(examples: list[tuple[list[int], int]], recipe: Recipe, pad: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of ids and targets, each (batch, longest); sorted by length within a pool of 32 batches."""
    rng = random.Random(recipe.seed)
    while True:
        pool = sorted(rng.sample(examples, min(len(examples), 32 * recipe.batch)), key=lambda e: len(e[0]))
        parts = [pool[i : i + recipe.batch] for i in range(0, len(pool), recipe.batch)]
        rng.shuffle(parts)
        for part in parts:
            longest = max(len(ids) for ids, _ in part)
            ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in part])
            targets = torch.tensor([[NO_LOSS] * n + ids[n:] + [NO_LOSS] * (longest - len(ids)) for ids, n in part])
            yield ids, targets


@torch.no_grad()
def _samples(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> str:
    """Answers to briefs that go round the tones, one of them with words that the grammar does not know."""
    prompts = (
        "a red star on a blue background, pixel style",
        "a large yellow ring on a black background, dotted style",
        "mountains under a pink sky",
        "a cat asleep on a sofa",
        "white sailboat by the sea, watercolour",
    )
    model.eval()
    torch.manual_seed(1)
    pieces = []
    for tone, prompt in zip(TONES, prompts, strict=True):
        ids = prompt_ids(tokenizer, brief_messages(CopyBrief(prompt, ("festival", "night")[: len(tone) % 3], tone)))
        out = model.generate(torch.tensor([ids]), max_new_tokens=96, do_sample=True, temperature=0.7)[0]
        pieces.append(f"{prompt} ({tone})\n{tokenizer.decode(out[len(ids) :])}\n")
    model.train()
    return "\n".join(pieces)
