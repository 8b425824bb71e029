"""Parts of miniature pipelines: the real classes, small, with random weights."""

import torch
from diffusers import AutoencoderKL
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from models.starter.tokenizers import train_clip_tokenizer

TOKENS = 12
CORPUS = "a red circle on a blue background"


def clip_tokenizer() -> CLIPTokenizer:
    return train_clip_tokenizer([CORPUS], vocabulary=560, max_length=TOKENS)


def clip_encoder(
    tokenizer: CLIPTokenizer, *, width: int = 16, projection: int | None = None
) -> CLIPTextModel | CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        projection_dim=projection or width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder = CLIPTextModel(config) if projection is None else CLIPTextModelWithProjection(config)
    amplify(encoder, "embedding.weight", 30)
    amplify(encoder, "final_layer_norm.weight", 10)
    return encoder


def t5_tokenizer() -> T5Tokenizer:
    pieces = ["▁", *(f"▁{word}" for word in dict.fromkeys(CORPUS.split())), *"abcdefghijklmnopqrstuvwxyz"]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0)]
    return T5Tokenizer(vocab=[*special, *((piece, -float(len(piece) < 2) - 1) for piece in pieces)], extra_ids=0)


def t5_encoder(tokenizer: T5Tokenizer, *, width: int) -> T5EncoderModel:
    encoder = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    amplify(encoder, "final_layer_norm.weight", 3)
    return encoder


def kl_autoencoder(*, channels: int = 4, scaling: float = 0.18215, shift: float | None = None) -> AutoencoderKL:
    autoencoder = AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        norm_num_groups=2,
        sample_size=32,
        scaling_factor=scaling,
        shift_factor=shift,
    )
    amplify(autoencoder, "decoder.conv_out.weight", 2)
    return autoencoder


def amplify(network: torch.nn.Module, name: str, factor: float) -> None:
    """Untrained networks whisper; a wrong prompt or scale must show in the picture, or a test could not fail."""
    found = [parameter for key, parameter in network.named_parameters() if name in key]
    assert found, f"no parameter is named like {name}"
    for parameter in found:
        parameter.data.mul_(factor)
