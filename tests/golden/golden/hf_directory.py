# SPDX-License-Identifier: Apache-2.0
"""Writes and reads a model as a Hugging Face directory."""

import copy
import json
from pathlib import Path

from safetensors.torch import save_file
from transformers import GenerationConfig, PretrainedConfig

from .model import GoldenModel, State
from .reference import build_empty


def stored_config(model: GoldenModel) -> PretrainedConfig:
    """The config as its authors would publish it: with the class that reads it and the type of the weights."""
    config = copy.deepcopy(model.config)
    config.architectures = [type(build_empty(config)).__name__]
    config.dtype = model.dtype
    for key, value in model.stored_config.items():
        setattr(config, key, value)
    return config


def write(folder: Path, model: GoldenModel, state: State) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = stored_config(model)
    config.save_pretrained(folder)
    GenerationConfig.from_model_config(config).save_pretrained(folder)
    state = {name: value.contiguous() for name, value in state.items()}
    if model.hf_shards == 1:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    _write_shards(folder, state, model.hf_shards)


def _write_shards(folder: Path, state: State, count: int) -> None:
    names = list(state)
    per_shard = -(-len(names) // count)
    places = {}
    for i in range(count):
        part = names[i * per_shard : (i + 1) * per_shard]
        file = f"model-{i + 1:05}-of-{count:05}.safetensors"
        save_file({name: state[name] for name in part}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(part, file)
    size = sum(value.numel() * value.element_size() for value in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def read_state(folder: Path) -> State:
    from safetensors.torch import load_file

    state: State = {}
    for file in sorted(folder.glob("*.safetensors")):
        state |= load_file(file)
    return state
