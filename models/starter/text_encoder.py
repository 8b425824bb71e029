"""The text encoder of `starter-diffusion`, taught to understand prompts before there is anything to draw."""

import random
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from models.starter.pictures import Picture
from models.starter.prompts import prompt
from models.starter.recipe import Recipe
from models.starter.tokenizers import train_clip_tokenizer
from models.starter.training import CPU, Checkpoint, descend, fast_arithmetic, warm_cosine

TOKENS = 48
WIDTH = 128
ATTRIBUTES = (
    *("shape", "colour", "background", "style", "size"),
    *("sky", "land", "land_colour", "sea", "light", "light_colour", "trees", "stars"),
)


def new_tokenizer(pictures: list[Picture], recipe: Recipe) -> CLIPTokenizer:
    """A vocabulary with a token for each word of the grammar, learnt from one prompt a picture."""
    rng = random.Random(recipe.seed)
    return train_clip_tokenizer((prompt(p, rng) for p in pictures), vocabulary=1_000, max_length=TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=3 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Padded token ids, shape (texts, `TOKENS`)."""
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
    ids: Tensor = encoded.input_ids
    return ids


def teach_words(
    encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    pictures: list[Picture],
    recipe: Recipe,
    *,
    work: Path,
    device: torch.device = CPU,
) -> CLIPTextModel:
    """Train `encoder` in place so that linear heads read every attribute of a picture from what follows its prompt.

    The UNet then finds colours, shapes and places told apart in what it attends to. Learning that through pictures
    would take most of its training.
    """
    torch.manual_seed(recipe.seed)
    classes = _classes(pictures)
    heads = nn.ModuleList(nn.Linear(WIDTH, int(column.max()) + 1) for column in classes.T)
    learnt = nn.ModuleList([encoder, heads]).train().to(device)
    optimizer = torch.optim.AdamW(learnt.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule = warm_cosine(optimizer, recipe.text_steps)
    checkpoint = Checkpoint(
        work / "text.checkpoint", recipe.sheet_every, learnt=learnt, optimizer=optimizer, schedule=schedule
    )
    progress = checkpoint.remaining(recipe.text_steps, "words")
    for step in progress:
        rng = random.Random(f"{recipe.seed} words {step}")
        chosen = torch.randint(len(pictures), (recipe.text_batch,))
        ids = token_ids(tokenizer, [prompt(pictures[i], rng) for i in chosen.tolist()]).to(device)
        with fast_arithmetic(device):
            hidden = encoder(ids)[0]
        end = (ids == tokenizer.eos_token_id).int().argmax(1)
        seen = torch.cat([hidden[torch.arange(len(ids), device=device), end], hidden[:, -1]]).float()
        wanted = classes[chosen].repeat(2, 1).to(device)
        told = [head(seen) for head in heads]
        losses = [F.cross_entropy(scores, column) for scores, column in zip(told, wanted.T, strict=True)]
        loss = torch.stack(losses).sum()
        descend(loss, learnt, optimizer, schedule)
        checkpoint.after(step)
        if step % 20 == 0:
            right = [(s.argmax(1) == column).float().mean() for s, column in zip(told, wanted.T, strict=True)]
            progress.set_postfix(loss=f"{loss.item():.3f}", worst=f"{min(right):.3f}")
    checkpoint.remove()
    return encoder.eval()


def _classes(pictures: list[Picture]) -> Tensor:
    """Class numbers (pictures, attributes); what a kind of picture does not have is a class of its own."""
    rows = [[str(asdict(picture).get(name, "-")) for name in ATTRIBUTES] for picture in pictures]
    columns = []
    for values in zip(*rows, strict=True):
        numbers = {value: i for i, value in enumerate(sorted(set(values)))}
        columns.append(torch.tensor([numbers[value] for value in values]))
    return torch.stack(columns, dim=1)
