# SPDX-License-Identifier: Apache-2.0
"""Values and ablations that many families share."""

from .. import features as without
from ..tokenizer import BOS, EOS, UNKNOWN

IDS = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": UNKNOWN}

NORMS = {
    "norm": without.without_module(r"(input_layernorm|post_attention_layernorm)$"),
    "norm weight": without.weights(
        r"(input_layernorm|post_attention_layernorm|norm)\.weight$", 1.0
    ),
}
