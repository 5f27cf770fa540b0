# SPDX-License-Identifier: Apache-2.0
"""Reads the committed files back: transformers the directory, llama.cpp and transformers the GGUF file."""

import tempfile
from pathlib import Path

import gguf
import numpy as np

from . import gguf_file, hf_directory, prove, readers, reference
from .model import GoldenModel, Twin, Variant
from .prove import CaseResult

DIRECTORY_TOLERANCE = 1e-5  # the same program on the same values


def directory_error(folder: Path, model: GoldenModel, results: list[CaseResult]) -> float:
    """The largest difference of a logit when config.json and the weights are read from the directory."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    state = model.dequantised(hf_directory.read_state(folder))
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    network = reference.build(
        Variant(config, {name: value.float() for name, value in state.items()})
    )
    return max((reference.logits(network, r.ids) - r.logits).abs().max().item() for r in results)


def wrong_tensors(paths: list[Path], twin: Twin) -> list[str]:
    """The tensors of a file whose values, dequantised by the gguf package, are not exactly the twin's."""
    found = {tensor.name: tensor for path in paths for tensor in gguf.GGUFReader(path).tensors}
    wrong = sorted(found.keys() ^ twin.tensors.keys())
    for name in found.keys() & twin.tensors.keys():
        values = gguf.quants.dequantize(found[name].data, found[name].tensor_type)
        if not np.array_equal(values.reshape(-1), twin.tensors[name].float().numpy().reshape(-1)):
            wrong.append(name)
    return wrong


def expected_of_llama_cpp(model: GoldenModel, state, results: list[CaseResult]) -> list[np.ndarray]:
    """The reference's logits, less the features that llama.cpp does not have, and with its GELU."""
    changed = prove.variant(model, state)
    if model.reader_arithmetic:
        model.reader_arithmetic(changed)
    for ablate in model.uncovered.values():
        ablate(changed)
    network = reference.build(changed)
    return [reference.logits(network, r.ids).numpy() for r in results]


def llama_cpp_error(
    path: Path, model: GoldenModel, results: list[CaseResult], expected: list[np.ndarray]
) -> float:
    worst = 0.0
    for result, rows in zip(results, expected):
        reader = readers.LlamaCpp(path, model.context(result.case))
        worst = max(worst, float(np.abs(reader.logits(result.ids) - rows).max()))
        reader.close()
    return worst


def llama_cpp_errors(
    paths: list[Path], model: GoldenModel, twin: Twin, state, results: list[CaseResult]
) -> tuple[float, float | None]:
    """Of a copy whose tensors are all F32, which llama.cpp multiplies in F32, and of the file itself."""
    expected = expected_of_llama_cpp(model, state, results)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.gguf"
        gguf_file.write(copy, model, model.for_llama_cpp(twin), all_f32=True)
        exact = llama_cpp_error(copy, model, results, expected)
    if model.reader_twin:
        return exact, None
    return exact, llama_cpp_error(paths[0], model, results, expected)


def transformers_error(paths: list[Path], results: list[CaseResult]) -> float | str:
    """The difference, or why its GGUF reader cannot be asked."""
    if len(paths) > 1:
        return "split files"
    try:
        return max(
            float(np.abs(readers.transformers_logits(paths[0], r.ids) - r.logits.numpy()).max())
            for r in results
        )
    except Exception as error:  # whatever it raises, the answer is that it does not read this file
        return f"{type(error).__name__}: {error}"[:80]
