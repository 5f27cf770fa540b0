# SPDX-License-Identifier: Apache-2.0
"""Every golden model, one module for a family."""

from . import gemma, gpt2, gpt_oss, gptneox, llama, others, phi3, quantised, qwen

_FAMILIES = (llama, qwen, gemma, phi3, gpt2, gptneox, others, gpt_oss, quantised)

MODELS = [model for family in _FAMILIES for model in family.MODELS]
