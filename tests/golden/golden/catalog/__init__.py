# SPDX-License-Identifier: Apache-2.0
"""Every golden model, one module for a family."""

from . import gemma, gpt2, llama, qwen

MODELS = [model for family in (llama, qwen, gemma, gpt2) for model in family.MODELS]
