# SPDX-License-Identifier: Apache-2.0
"""qwen2 and qwen3, dense and with experts."""

from transformers import Qwen2Config, Qwen2MoeConfig, Qwen3Config, Qwen3MoeConfig

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS, NORMS

_EXPERT = r"model\.layers\.(\d+)\.mlp\.experts\.(\d+)\.(\w+)\.weight"
_EXPERTS = "model.layers.{layer}.mlp.experts.{matrix}.weight"

_SHAPE = dict(
    IDS, vocab_size=128, num_hidden_layers=2, rms_norm_eps=1e-6, max_position_embeddings=128
)
_ONE_KEY_HEAD = dict(_SHAPE, hidden_size=40, num_attention_heads=5, num_key_value_heads=1)
_WIDE_HEADS = dict(
    _SHAPE, hidden_size=36, num_attention_heads=6, num_key_value_heads=2, head_dim=10
)

_BIASES = {
    "bias": without.weights(r"_proj\.bias$"),
    "query bias": without.weights(r"q_proj\.bias$"),
    "key bias": without.weights(r"k_proj\.bias$"),
    "value bias": without.weights(r"v_proj\.bias$"),
}
_HEAD_NORMS = {
    "q, k norms": without.without_module(r"[qk]_norm$"),
    "q, k norm weights": without.weights(r"[qk]_norm\.weight$", 1.0),
}
_ROUTER = {
    "expert choice": without.weights(r"mlp\.gate\.weight$"),
    "expert weights": without.equal_experts(r"mlp\.gate\.weight$"),
}


def qwen_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    more = {}
    if hasattr(config, "moe_intermediate_size"):
        more["expert_feed_forward_length"] = config.moe_intermediate_size
    if hasattr(config, "shared_expert_intermediate_size"):
        more["expert_shared_feed_forward_length"] = config.shared_expert_intermediate_size
    state = twin.stacked_experts(state, _EXPERT, _EXPERTS)
    tensors = twin.named(model.architecture, config.num_hidden_layers, state)
    return Twin(twin.metadata(config, **more), tensors)


MODELS = [
    GoldenModel(
        name="qwen2",
        architecture="qwen2",
        config=Qwen2Config(
            **_ONE_KEY_HEAD, intermediate_size=100, rope_theta=1e6, tie_word_embeddings=True
        ),
        features={
            "rope": without.rope,
            "rope theta": without.configured(rope_theta=1e4),
            **_BIASES,
            **NORMS,
        },
        twin=qwen_twin,
        note="5 query heads on one key head; biases on q, k, v; tied head",
    ),
    GoldenModel(
        name="qwen2moe",
        architecture="qwen2moe",
        config=Qwen2MoeConfig(
            **_ONE_KEY_HEAD,
            intermediate_size=100,
            moe_intermediate_size=20,
            shared_expert_intermediate_size=28,
            num_experts=6,
            num_experts_per_tok=3,
            norm_topk_prob=False,
        ),
        features={
            "rope": without.rope,
            "bias": _BIASES["bias"],
            **_ROUTER,
            "weights not normalised": without.configured(norm_topk_prob=True),
            "third expert": without.configured(num_experts_per_tok=2),
            "shared expert": without.weights(r"shared_expert\.down_proj"),
            "shared expert's gate": without.weights(r"shared_expert_gate\.weight"),
            **NORMS,
        },
        twin=qwen_twin,
        gains={
            r"experts\.\d+\.down_proj": 3.0,
            r"shared_expert\.down_proj": 2.0,
            r"shared_expert_gate": 2.0,
            r"mlp\.gate\.weight": 1.5,
        },
        note="6 experts, 3 used with their probabilities as they are, and a gated shared expert",
    ),
    GoldenModel(
        name="qwen3",
        architecture="qwen3",
        config=Qwen3Config(**_WIDE_HEADS, intermediate_size=90, rope_theta=1e6),
        features={"rope": without.rope, **_HEAD_NORMS, **NORMS},
        twin=qwen_twin,
        gains={r"[qk]_norm": 1.4},
        note="norms on the heads of q and k, 6 query heads of 10 at a width of 36, untied head",
    ),
    GoldenModel(
        name="qwen3moe",
        architecture="qwen3moe",
        config=Qwen3MoeConfig(
            **_WIDE_HEADS,
            intermediate_size=90,
            moe_intermediate_size=22,
            num_experts=7,
            num_experts_per_tok=2,
            norm_topk_prob=True,
            rope_theta=1e6,
        ),
        features={
            "rope": without.rope,
            **_HEAD_NORMS,
            **_ROUTER,
            "weights normalised": without.configured(norm_topk_prob=False),
            "second expert": without.configured(num_experts_per_tok=1),
            **NORMS,
        },
        twin=qwen_twin,
        gains={r"[qk]_norm": 1.4, r"experts\.\d+\.down_proj": 2.0, r"mlp\.gate\.weight": 1.5},
        note="7 experts, 2 used with weights that sum to one",
    ),
]
