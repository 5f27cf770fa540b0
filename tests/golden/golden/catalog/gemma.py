# SPDX-License-Identifier: Apache-2.0
"""gemma 1, 2 and 3."""

import dataclasses

from transformers import Gemma2Config, Gemma3TextConfig, GemmaConfig

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS


def gemma_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    changed = {
        name: value.float() + 1 if name.endswith("norm.weight") else value
        for name, value in state.items()
    }
    more = {}
    if model.architecture != "gemma":
        more["attention__sliding_window"] = config.sliding_window
    if getattr(config, "rope_local_base_freq", None):
        more["rope__freq_base_swa"] = float(config.rope_local_base_freq)
    if getattr(config, "query_pre_attn_scalar", config.head_dim) != config.head_dim:
        more["attention__scale"] = config.query_pre_attn_scalar**-0.5
    if getattr(config, "attn_logit_softcapping", None):
        more["attn_logit_softcapping"] = float(config.attn_logit_softcapping)
    if getattr(config, "final_logit_softcapping", None):
        more["final_logit_softcapping"] = float(config.final_logit_softcapping)
    return Twin(
        twin.metadata(config, **more),
        twin.named(model.architecture, config.num_hidden_layers, changed),
    )


_NORM = r"(input|post_attention|pre_feedforward|post_feedforward)_layernorm$"
_SHAPE = dict(IDS, vocab_size=128, rms_norm_eps=1e-6, max_position_embeddings=128)

# Embeddings are multiplied by sqrt(width) and are the head as well: small rows, a loud last norm.
_GAINS = {"embed_tokens": 0.1, r"[qk]_proj": 1.8, r"model\.norm": 9.0, r"post_\w+_layernorm": 1.6}

_GEMMA1 = GoldenModel(
    name="gemma",
    architecture="gemma",
    config=GemmaConfig(
        **_SHAPE,
        num_hidden_layers=2,
        hidden_size=36,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=16,
        intermediate_size=80,
        hidden_activation="gelu_pytorch_tanh",
    ),
    features={
        "rope": without.rope,
        "norm": without.without_module(r"(input|post_attention)_layernorm$"),
        "norm weight": without.weights(r"norm\.weight$"),
    },
    twin=gemma_twin,
    gains={"embed_tokens": 0.1, r"model\.norm": 6.0},
    reader_arithmetic=without.gelu_table,
    note="3 query heads of 16 on one key head at a width of 36; embeddings times sqrt(width); tied head",
)

_GEMMA2_SHAPE = dict(
    _SHAPE,
    num_hidden_layers=3,
    hidden_size=32,
    num_attention_heads=3,
    num_key_value_heads=1,
    head_dim=12,
    intermediate_size=72,
    attn_logit_softcapping=4.0,
    final_logit_softcapping=9.0,
    sliding_window=6,
)
_GEMMA2 = GoldenModel(
    name="gemma2",
    architecture="gemma2",
    config=Gemma2Config(**_GEMMA2_SHAPE, query_pre_attn_scalar=12),
    features={
        "rope": without.rope,
        "attention cap": without.configured(attn_logit_softcapping=None),
        "final cap": without.configured(final_logit_softcapping=None),
        "window": without.configured(layer_types=["full_attention"] * 3),
        "alternating windows": without.configured(layer_types=["sliding_attention"] * 3),
        "norm after attention": without.without_module(r"post_attention_layernorm$"),
        "norm after mlp": without.without_module(r"post_feedforward_layernorm$"),
        "norm weight": without.weights(r"norm\.weight$"),
    },
    twin=gemma_twin,
    gains=_GAINS,
    reader_arithmetic=without.gelu_table,
    note="soft caps 4 and 9, a window of 6 in layers 0 and 2, head width 12 at a width of 32, tied head",
)


def _halved_queries(twin: Twin) -> Twin:
    """query_pre_attn_scalar = 4 head_dim, for a reader that divides by sqrt(head_dim) whatever the metadata say."""
    tensors = {
        name: value / 2 if ".attn_q." in name else value for name, value in twin.tensors.items()
    }
    return dataclasses.replace(twin, tensors=tensors)


_GEMMA2_SCALAR = dataclasses.replace(
    _GEMMA2,
    name="gemma2_scalar",
    config=Gemma2Config(**_GEMMA2_SHAPE, query_pre_attn_scalar=48),
    features={"query scalar": without.configured(query_pre_attn_scalar=12)},
    gains=_GAINS | {r"[qk]_proj": 2.5},
    reader_twin=_halved_queries,
    uncovered_keys=("gemma2.attention.scale",),
    note="as gemma2, but scores are divided by sqrt(48): GGUF says so in gemma2.attention.scale",
)

_GEMMA3 = GoldenModel(
    name="gemma3",
    architecture="gemma3",
    config=Gemma3TextConfig(
        **_SHAPE,
        num_hidden_layers=7,
        hidden_size=24,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=10,
        intermediate_size=40,
        query_pre_attn_scalar=10,
        sliding_window=6,
        rope_theta=1e6,
        rope_local_base_freq=5e3,
        rope_scaling={"rope_type": "linear", "factor": 8.0},
    ),
    features={
        "rope": without.rope,
        "global rope theta": without.configured(rope_theta=1e3),
        "local rope theta": without.configured(rope_local_base_freq=1e6),
        "rope scaling": without.configured(rope_scaling=None),
        "window": without.configured(layer_types=["full_attention"] * 7),
        "global layer": without.configured(layer_types=["sliding_attention"] * 7),
        "q, k norms": without.without_module(r"[qk]_norm$"),
        "norm after attention": without.without_module(r"post_attention_layernorm$"),
        "norm after mlp": without.without_module(r"post_feedforward_layernorm$"),
        "norm weight": without.weights(r"norm\.weight$"),
    },
    twin=gemma_twin,
    gains={"embed_tokens": 0.1, r"model\.norm": 7.0, r"post_\w+_layernorm": 1.4, r"[qk]_norm": 1.4},
    reader_arithmetic=without.gelu_table,
    note="6 layers with a window of 6 and their own theta, then a global one with linear scaling; q and k norms",
)

MODELS = [_GEMMA1, _GEMMA2, _GEMMA2_SCALAR, _GEMMA3]
