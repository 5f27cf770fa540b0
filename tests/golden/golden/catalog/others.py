# SPDX-License-Identifier: Apache-2.0
"""olmo2, starcoder2, smollm3 and granite."""

import torch
from transformers import GraniteConfig, Olmo2Config, SmolLM3Config, Starcoder2Config

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS, NORMS
from .llama import head_dim, llama_tensors

_SHAPE = dict(IDS, vocab_size=128, max_position_embeddings=128)


def plain_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    more = {}
    if getattr(config, "sliding_window", None):
        more["attention__sliding_window"] = config.sliding_window
    tensors = twin.named(model.architecture, config.num_hidden_layers, state)
    return Twin(twin.metadata(config, without=("vocab_size",), **more), tensors)


def smollm3_twin(model: GoldenModel, state: State) -> Twin:
    keys = twin.metadata(model.config, rope__dimension_count=head_dim(model.config))
    return Twin(keys, llama_tensors("smollm3", model.config, state))


def granite_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    keys = twin.metadata(
        config,
        rope__dimension_count=head_dim(config),
        attention__scale=config.attention_multiplier,
        embedding_scale=config.embedding_multiplier,
        residual_scale=config.residual_multiplier,
        logit_scale=config.logits_scaling,
    )
    return Twin(keys, llama_tensors("granite", config, state))


MODELS = [
    GoldenModel(
        name="olmo2",
        architecture="olmo2",
        config=Olmo2Config(
            **_SHAPE,
            num_hidden_layers=2,
            hidden_size=42,
            num_attention_heads=3,
            num_key_value_heads=1,
            intermediate_size=90,
            rope_theta=5e5,
            rms_norm_eps=1e-6,
        ),
        features={
            "rope": without.rope,
            "q, k norms": without.without_module(r"[qk]_norm$"),
            "q, k norm weights": without.weights(r"[qk]_norm\.weight$", 1.0),
            "norm after attention": without.without_module(r"post_attention_layernorm$"),
            "norm after mlp": without.without_module(r"post_feedforward_layernorm$"),
            "norm weight": without.weights(r"(layernorm|model\.norm)\.weight$", 1.0),
        },
        twin=plain_twin,
        gains={r"[qk]_norm": 1.4},
        note="norms after attention and mlp only; q and k normed over all heads at once",
    ),
    GoldenModel(
        name="starcoder2",
        architecture="starcoder2",
        config=Starcoder2Config(
            **_SHAPE,
            num_hidden_layers=2,
            hidden_size=40,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=96,
            sliding_window=8,
            rope_theta=1e5,
            hidden_act="gelu_pytorch_tanh",
            use_bias=True,
            tie_word_embeddings=True,
        ),
        features={
            "rope": without.rope,
            "window": without.configured(sliding_window=None),
            "bias": without.weights(r"(_proj|c_fc)\.bias$"),
            "norm": NORMS["norm"],
            "norm weight": without.weights(r"norm\.weight$", 1.0),
            "norm bias": without.weights(r"norm\.bias$"),
        },
        twin=plain_twin,
        uncovered={"window": without.configured(sliding_window=None)},
        reader_arithmetic=without.gelu_table,
        note="biases everywhere, LayerNorm, no gate, a window of 8, tied head; GGUF: starcoder2.attention.sliding_window",
    ),
    GoldenModel(
        name="smollm3",
        architecture="smollm3",
        config=SmolLM3Config(
            **_SHAPE,
            num_hidden_layers=5,
            hidden_size=36,
            num_attention_heads=3,
            num_key_value_heads=1,
            intermediate_size=64,
            rope_theta=5e4,
            tie_word_embeddings=True,
        ),
        features={
            "rope": without.rope,
            "layer without rope": without.configured(no_rope_layers=[1] * 5),
            **NORMS,
        },
        twin=smollm3_twin,
        note="every fourth layer does not rotate (layer 3 of 5); tied head",
    ),
    GoldenModel(
        name="granite",
        architecture="granite",
        config=GraniteConfig(
            **_SHAPE,
            num_hidden_layers=2,
            hidden_size=40,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=88,
            rms_norm_eps=1e-5,
            embedding_multiplier=3.0,
            attention_multiplier=0.21,
            residual_multiplier=1.7,
            logits_scaling=2.5,
            tie_word_embeddings=False,
        ),
        features={
            "rope": without.rope,
            "embedding multiplier": without.configured(embedding_multiplier=1.0),
            "attention multiplier": without.configured(attention_multiplier=10**-0.5),
            "residual multiplier": without.configured(residual_multiplier=1.0),
            "logits scaling": without.configured(logits_scaling=1.0),
            **NORMS,
        },
        twin=granite_twin,
        dtype=torch.float32,
        gains={r"lm_head": 7.5, r"embed_tokens": 0.4},
        note="all four multipliers",
    ),
]
