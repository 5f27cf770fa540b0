# SPDX-License-Identifier: Apache-2.0
"""Independent readers of the GGUF files: llama.cpp, through its C interface, and transformers."""

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
import torch
from transformers import AutoModelForCausalLM

_F32 = 0  # GGML_TYPE_F32, for the cache: the default, F16, would round keys and values
_ERROR = 4  # GGML_LOG_LEVEL_ERROR
_NO_FLASH_ATTENTION = 0  # LLAMA_FLASH_ATTN_TYPE_DISABLED


@llama_cpp.llama_log_callback
def _errors_only(level, text, _data):
    if level == _ERROR:
        print("llama.cpp:", text.decode(errors="replace").rstrip())


def log_errors_only() -> None:
    llama_cpp.llama_log_set(_errors_only, ctypes.c_void_p(0))


class LlamaCpp:
    """A GGUF file in llama.cpp, with F32 keys and values and plain attention."""

    def __init__(self, path: Path, context: int):
        log_errors_only()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self._model:
            raise RuntimeError(f"llama.cpp does not read {path}")
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = context
        options.n_batch = options.n_ubatch = context
        options.n_threads = options.n_threads_batch = 1
        options.type_k = options.type_v = _F32
        options.flash_attn_type = _NO_FLASH_ATTENTION
        self._context = llama_cpp.llama_init_from_model(self._model, options)
        if not self._context:
            raise RuntimeError(f"llama.cpp makes no context for {path}")
        vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._vocab_size = llama_cpp.llama_vocab_n_tokens(vocabulary)

    def logits(self, ids: list[int]) -> np.ndarray:
        """[len(ids), vocabulary], one sequence in one batch."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i] = token, i
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, True
        if llama_cpp.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        rows = [
            np.ctypeslib.as_array(
                llama_cpp.llama_get_logits_ith(self._context, i), (self._vocab_size,)
            ).copy()
            for i in range(len(ids))
        ]
        llama_cpp.llama_batch_free(batch)
        return np.stack(rows)

    def close(self) -> None:
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)


def transformers_logits(path: Path, ids: list[int]) -> np.ndarray:
    """By transformers' own GGUF reader, which builds its config from the metadata."""
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, attn_implementation="eager", torch_dtype=torch.float32
    )
    with torch.no_grad():
        return model.eval()(torch.tensor([ids]), use_cache=False).logits[0].numpy()
