# SPDX-License-Identifier: Apache-2.0
"""llama 2 and 3 with each rope scaling, mistral and mixtral: all of them architecture "llama" in GGUF."""

from transformers import LlamaConfig, MistralConfig, MixtralConfig

from .. import features as without
from .. import twin
from ..model import Case, GoldenModel, LONG, SHORT, State, Twin
from .common import IDS, NORMS


def llama_tensors(architecture: str, config, state: State) -> dict:
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    changed = {}
    for name, value in state.items():
        if ".q_proj." in name:
            value = twin.interleaved(value, heads)
        elif ".k_proj." in name:
            value = twin.interleaved(value, kv_heads)
        changed[name] = value
    return twin.named(architecture, config.num_hidden_layers, changed)


def head_dim(config) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def llama_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    tensors = llama_tensors(model.architecture, config, state)
    scaling = getattr(config, "rope_scaling", None) or {}
    if scaling.get("rope_type") == "llama3":
        tensors["rope_freqs.weight"] = twin.llama3_factors(
            config.rope_theta, head_dim(config), scaling
        )
    more = {"rope__dimension_count": head_dim(config)}
    if getattr(config, "sliding_window", None):
        more["attention__sliding_window"] = config.sliding_window
    return Twin(twin.metadata(config, **more), tensors)


def mixtral_twin(model: GoldenModel, state: State) -> Twin:
    pattern = r"model\.layers\.(\d+)\.block_sparse_moe\.experts\.(\d+)\.(w\d)\.weight"
    merged = "layers.{layer}.feed_forward.experts.{matrix}.weight"
    return llama_twin(model, twin.stacked_experts(state, pattern, merged))


_SHAPE = dict(IDS, vocab_size=128, num_hidden_layers=2, intermediate_size=88, rms_norm_eps=1e-5)
_GQA = dict(_SHAPE, hidden_size=40, num_attention_heads=6, num_key_value_heads=2, head_dim=12)
_PLAIN = dict(_SHAPE, hidden_size=48, num_attention_heads=3, num_key_value_heads=3)


def _scaled_llama(name: str, scaling: dict, more: dict | None = None, **options) -> GoldenModel:
    config = LlamaConfig(
        **{**_GQA, "max_position_embeddings": 128, "rope_scaling": scaling, **(more or {})}
    )
    return GoldenModel(
        name=name,
        architecture="llama",
        config=config,
        features={"rope": without.rope, "rope scaling": without.configured(rope_scaling=None)},
        twin=llama_twin,
        **options,
    )


MODELS = [
    GoldenModel(
        name="llama2",
        architecture="llama",
        config=LlamaConfig(**_PLAIN, max_position_embeddings=128),
        features={"rope": without.rope, **NORMS},
        twin=llama_twin,
        hf_shards=2,
        note="plain: as many key heads as query heads, untied head",
    ),
    GoldenModel(
        name="llama3",
        architecture="llama",
        config=LlamaConfig(
            **_GQA, max_position_embeddings=128, rope_theta=5e5, tie_word_embeddings=True
        ),
        features={
            "rope": without.rope,
            "rope theta": without.configured(rope_theta=1e4),
            "gqa": without.swapped_kv_heads(12, 2),
            **NORMS,
        },
        twin=llama_twin,
        gguf_shards=2,
        note="6 query heads of 12 on 2 key heads at a width of 40; theta 5e5; tied head",
    ),
    _scaled_llama(
        "llama3_scaled",
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
        more={"rope_theta": 1e3, "attention_bias": True},
        note="3.1's scaling: the rotary frequencies lie in all three bands; biases in attention",
    ),
    _scaled_llama(
        "llama_linear", {"rope_type": "linear", "factor": 4.0}, note="linear rope scaling"
    ),
    _scaled_llama(
        "llama_yarn",
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
        note="yarn as transformers does it: beta 32 and 1, bounds rounded outwards, attention factor 0.1 ln 4 + 1",
    ),
    GoldenModel(
        name="mistral",
        architecture="llama",
        config=MistralConfig(**_GQA, max_position_embeddings=128, sliding_window=7),
        features={"rope": without.rope, "window": without.configured(sliding_window=None)},
        twin=llama_twin,
        uncovered={"window": without.configured(sliding_window=None)},
        note="a window of 7 in every layer; GGUF says so in llama.attention.sliding_window",
    ),
    GoldenModel(
        name="mixtral",
        architecture="llama",
        config=MixtralConfig(
            **dict(_GQA, intermediate_size=36),
            max_position_embeddings=128,
            num_local_experts=5,
            num_experts_per_tok=2,
            sliding_window=None,
        ),
        features={
            "rope": without.rope,
            "expert choice": without.weights(r"block_sparse_moe\.gate"),
            "expert weights": without.equal_experts(r"block_sparse_moe\.gate"),
            "second expert": without.configured(num_experts_per_tok=1),
            **NORMS,
        },
        twin=mixtral_twin,
        gains={r"experts\.\d+\.w2": 2.0, r"block_sparse_moe\.gate": 1.5},
        note="5 experts, 2 used",
    ),
]
