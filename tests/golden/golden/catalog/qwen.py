# SPDX-License-Identifier: Apache-2.0
"""qwen2 and qwen3, dense and with experts."""

from transformers import Qwen2Config

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS, NORMS

_SHAPE = dict(IDS, vocab_size=128, num_hidden_layers=2, rms_norm_eps=1e-6, max_position_embeddings=128)
_GQA = dict(_SHAPE, hidden_size=40, num_attention_heads=5, num_key_value_heads=1, intermediate_size=100)


def qwen_twin(model: GoldenModel, state: State) -> Twin:
    layers = model.config.num_hidden_layers
    return Twin(twin.metadata(model.config), twin.named(model.architecture, layers, state))


MODELS = [
    GoldenModel(
        name="qwen2",
        architecture="qwen2",
        config=Qwen2Config(**_GQA, rope_theta=1e6, tie_word_embeddings=True),
        features={
            "rope": without.rope,
            "rope theta": without.configured(rope_theta=1e4),
            "bias": without.weights(r"_proj\.bias$"),
            "query bias": without.weights(r"q_proj\.bias$"),
            "key bias": without.weights(r"k_proj\.bias$"),
            "value bias": without.weights(r"v_proj\.bias$"),
            **NORMS,
        },
        twin=qwen_twin,
        note="5 query heads on one key head; biases on q, k, v; tied head",
    ),
]
