# SPDX-License-Identifier: Apache-2.0
"""llama and qwen2 in block formats: quantised by llama.cpp, computed by the reference from the dequantised weights."""

import dataclasses
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import torch
from transformers import LlamaConfig, Qwen2Config

from .. import features as without
from .. import gguf_file, twin
from ..model import GoldenModel, State, Twin
from ..readers import log_errors_only
from .common import IDS
from .llama import llama_twin
from .qwen import qwen_twin

# As stored, a tensor is its bytes under "<GGUF name>@<type>": State has no other place for the type.


def _quantise(source: Path, target: Path, file_type: gguf.LlamaFileType) -> None:
    log_errors_only()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = int(file_type)
    parameters.nthread = 1
    result = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), llama_cpp.ctypes.byref(parameters)
    )
    if result != 0:
        raise RuntimeError(f"llama.cpp does not quantise {source} to {file_type.name}")


def _packed(stored: State) -> dict[str, tuple[gguf.GGMLQuantizationType, torch.Tensor]]:
    found = {}
    for key, value in stored.items():
        name, _, kind = key.partition("@")
        found[name] = (gguf.GGMLQuantizationType[kind], value)
    return found


def _values(stored: State) -> dict[str, torch.Tensor]:
    """By GGUF names, dequantised by the gguf package."""
    return {
        name: torch.from_numpy(gguf.quants.dequantize(data.numpy(), kind).astype(np.float32))
        for name, (kind, data) in _packed(stored).items()
    }


def _paired_to_halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The inverse of twin.interleaved."""
    rows = weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def quantised(base: GoldenModel, file_type: gguf.LlamaFileType) -> GoldenModel:
    """`base` as llama.cpp quantises it; GGUF only."""
    config = base.config

    def stored(state: State) -> State:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "f32.gguf", Path(folder) / "quantised.gguf"
            gguf_file.write(source, base, base.twin(base, state), all_f32=True)
            _quantise(source, target, file_type)
            return {
                f"{tensor.name}@{tensor.tensor_type.name}": torch.from_numpy(np.array(tensor.data))
                for tensor in gguf.GGUFReader(target).tensors
            }

    def dequantised(state: State) -> State:
        names = {name: name for name in _names(config)}
        gguf_names = twin.named(base.architecture, config.num_hidden_layers, names)
        found: State = {}
        for gguf_name, value in _values(state).items():
            name = gguf_names[gguf_name]
            if base.architecture == "llama" and ".q_proj." in name:
                value = _paired_to_halves(value, config.num_attention_heads)
            elif base.architecture == "llama" and ".k_proj." in name:
                value = _paired_to_halves(value, config.num_key_value_heads)
            found[name] = value
        return found

    def packed_twin(model: GoldenModel, state: State) -> Twin:
        metadata = base.twin(base, dequantised(state)).metadata
        return Twin(metadata, _values(state), _packed(state))

    suffix = file_type.name.removeprefix("MOSTLY_")
    return dataclasses.replace(
        base,
        name=f"{base.name}_{suffix.lower()}",
        twin=packed_twin,
        stored=stored,
        dequantise=dequantised,
        file_type=file_type,
        note=f"{base.note}, quantised by llama.cpp as {suffix}",
    )


def _names(config) -> list[str]:
    from ..reference import build_empty

    return [name for name, _ in build_empty(config).named_parameters()]


_SMALL = dict(
    IDS,
    vocab_size=104,
    num_hidden_layers=2,
    hidden_size=64,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=96,
    max_position_embeddings=128,
)
_LLAMA = GoldenModel(
    name="llama",
    architecture="llama",
    config=LlamaConfig(**_SMALL),
    features={"rope": without.rope},
    twin=llama_twin,
    dtype=torch.float32,
    note="width 64, mlp 96",
)
_QWEN2 = GoldenModel(
    name="qwen2",
    architecture="qwen2",
    config=Qwen2Config(**_SMALL),
    features={"rope": without.rope, "bias": without.weights(r"_proj\.bias$")},
    twin=qwen_twin,
    dtype=torch.float32,
    note="width 64, mlp 96, biases",
)
_WIDE = dataclasses.replace(  # the K formats have blocks of 256
    _LLAMA,
    name="llama_wide",
    config=LlamaConfig(
        **_SMALL
        | dict(
            num_hidden_layers=1,
            hidden_size=256,
            num_attention_heads=8,
            num_key_value_heads=2,
            head_dim=32,
            intermediate_size=256,
        )
    ),
    note="one layer, width and mlp 256",
)

_Type = gguf.LlamaFileType
MODELS = [
    *(
        quantised(_LLAMA, kind)
        for kind in (_Type.MOSTLY_Q8_0, _Type.MOSTLY_Q4_0, _Type.MOSTLY_IQ4_NL)
    ),
    *(
        quantised(_QWEN2, kind)
        for kind in (_Type.MOSTLY_Q8_0, _Type.MOSTLY_Q4_0, _Type.MOSTLY_Q5_1)
    ),
    *(
        quantised(_WIDE, kind)
        for kind in (
            _Type.MOSTLY_Q2_K,
            _Type.MOSTLY_Q3_K_M,
            _Type.MOSTLY_Q4_K_M,
            _Type.MOSTLY_IQ4_XS,
        )
    ),
]
