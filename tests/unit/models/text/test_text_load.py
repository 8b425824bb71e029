"""From a folder to a text engine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig

from configs.catalog import EngineOptions, ModelEntry
from gitex.errors import SettingsError
from gitex.specs import Message
from models.text.load import load_model, load_text_engine, stop_tokens
from models.text.prompts import PLAIN_TEMPLATE, encode_prompt
from tests.unit.models.text.tiny_text import CONTEXT, TOKENIZER, FakeClock, FakeRecorder, answer, gpt2, llama, spec


def _save(folder: Path, make: object = gpt2) -> Path:
    (llama() if make is llama else gpt2()).save_pretrained(folder, safe_serialization=True)
    TOKENIZER.save_pretrained(folder)
    return folder


async def test_a_folder_becomes_an_engine(tmp_path: Path) -> None:
    options = EngineOptions(device="cpu", threads=1, max_batch=2)
    entry = ModelEntry(name="t", version=3, kind="text", source=str(_save(tmp_path)), engine=options)
    engine = load_text_engine(entry, FakeRecorder(), FakeClock())
    try:
        assert engine.info.variant.id == "t@3"
        assert engine.info.text is not None
        assert engine.info.text.context_length == CONTEXT
        assert engine.info.text.default_max_tokens == 128
        got = await answer(engine, replace(spec(max_tokens=4), variant=engine.info.variant))
        assert got.finished.completion_tokens <= 4
    finally:
        await engine.close()


def test_a_tokenizer_without_a_template_gets_a_plain_one(tmp_path: Path) -> None:
    _save(tmp_path, llama)
    (tmp_path / "chat_template.jinja").unlink()
    _, tokenizer = load_model(tmp_path, torch.float32)
    assert tokenizer.chat_template == PLAIN_TEMPLATE
    tokens = encode_prompt(tokenizer, (Message("system", "Be kind."), Message("user", "Hi")), CONTEXT)
    assert tokenizer.decode(tokens) == "System: Be kind.\nUser: Hi\nAssistant:"


def test_every_end_of_text_token_ends_the_text() -> None:
    model = gpt2()
    model.generation_config = GenerationConfig(eos_token_id=[7, 9])
    assert stop_tokens(model, TOKENIZER) == sorted({7, 9, TOKENIZER.eos_token_id})


def test_a_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    _save(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(SettingsError):
        load_model(tmp_path, torch.float32)


def test_a_folder_that_is_no_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip_vision_model"}))
    with pytest.raises(SettingsError):
        load_model(tmp_path, torch.float32)
