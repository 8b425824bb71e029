"""From a catalog entry to a running text engine."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from configs.catalog import ModelEntry
from gitex.errors import SettingsError
from gitex.ports import Clock, Recorder, TextEngine
from gitex.variants import ModelInfo, TextLimits, Variant
from models.device import compute_dtype, prepare_device
from models.registry.digest import weights_date
from models.registry.sources import checked_digest, resolve_source
from models.text.admission import Admission
from models.text.constraints import Vocabulary
from models.text.engine import ContinuousTextEngine
from models.text.prompts import PLAIN_TEMPLATE
from models.text.runner import MAX_CACHE_TOKENS, TokenRunner

KNOWN_WORDS = "known_words.txt"


def load_text_engine(entry: ModelEntry, recorder: Recorder, clock: Clock) -> TextEngine:
    """Load, check and warm the model of `entry`, and start its engine. Blocks for seconds to minutes.

    Any causal language model that transformers' continuous batching runs (GPT-2, Llama and their kin), safetensors
    only, with a fast tokenizer; one without a chat template gets a plain one. Raises `SettingsError`,
    `WeightsMismatch`, `Unavailable`, `EngineFailure`.
    """
    folder = resolve_source(entry.source)
    digest = checked_digest(entry, folder)
    device = prepare_device(entry.engine)
    model, tokenizer = load_model(folder, compute_dtype(entry.engine, device))
    model.to(device)
    limits = TextLimits(min(_positions(model), MAX_CACHE_TOKENS), entry.text.max_tokens, known_words(folder))
    ends = stop_tokens(model, tokenizer)
    vocabulary = Vocabulary(tokenizer, model.config.get_text_config().vocab_size, ends)
    runner = TokenRunner(model, max_batch=entry.engine.max_batch, context_length=limits.context_length)
    runner.start()
    return ContinuousTextEngine(
        info=ModelInfo(Variant(entry.name, entry.version, digest), "text", weights_date(folder), text=limits),
        limits=limits,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        stop_tokens=ends,
        runner=runner,
        admission=Admission(entry.engine.max_batch, entry.engine.max_waiting),
        recorder=recorder,
        clock=clock,
    )


def load_model(folder: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer of a folder, ready for inference. Raises `SettingsError`."""
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{folder} is no causal language model: {problem}", param="source") from problem
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
    return model.eval().requires_grad_(False), tokenizer


def known_words(folder: Path) -> tuple[str, ...]:
    """What stands in the folder's `known_words.txt`, one a line; nothing without one."""
    file = folder / KNOWN_WORDS
    return tuple(file.read_text(encoding="utf-8").split()) if file.exists() else ()


def stop_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens that end an answer: those of the generation config, which may be several, and the tokenizer's own."""
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return sorted({token for token in (*listed, tokenizer.eos_token_id) if token is not None})


def _positions(model: PreTrainedModel) -> int:
    positions: int = model.config.get_text_config().max_position_embeddings
    return positions
