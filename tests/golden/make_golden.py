#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden models, proves them and has them read by others. See README.md beside this file."""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch

from golden import gguf_file, hf_directory, prove, report, verify
from golden.catalog import MODELS
from golden.model import GoldenModel, Twin
from golden.prove import CaseResult, Proof

FOLDER = Path(__file__).parent / "models"
LARGEST_FILE = 300 * 1024
ROWS = 10  # kept of a case's logits


def kept_positions(result: CaseResult) -> list[int]:
    """The first and last row, the last of the prompt, and others spread evenly."""
    last = len(result.ids) - 1
    spread = {round(i * last / (ROWS - 2)) for i in range(ROWS - 1)}
    return sorted(spread | {len(result.prompt_ids) - 1})


def write_cases(folder: Path, model: GoldenModel, results: list[CaseResult]) -> list[dict]:
    cases = []
    with open(folder / "logits.bin", "wb") as file:
        for result in results:
            positions = kept_positions(result)
            cases.append(
                {
                    "name": result.case.name,
                    "prompt_ids": result.prompt_ids,
                    "greedy_ids": result.greedy_ids,
                    "greedy_gap_min": round(result.gap, 4),
                    "positions": positions,
                    "logits_file": "logits.bin",
                    "logits_offset": file.tell(),
                    "context": model.context(result.case),
                }
            )
            file.write(result.logits[positions].numpy().astype("<f4").tobytes())
    return cases


def to_json(value, indent: str = "") -> str:
    """Indented, but for lists, which stay on one line: golden.json is read by people too."""
    if isinstance(value, dict):
        inner = indent + " "
        body = ",\n".join(f"{inner}{json.dumps(k)}: {to_json(v, inner)}" for k, v in value.items())
        return "{\n" + body + "\n" + indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        inner = indent + " "
        return "[\n" + ",\n".join(inner + to_json(v, inner) for v in value) + "\n" + indent + "]"
    return json.dumps(value)


def stored_types(model: GoldenModel, twin: Twin) -> str:
    """Of the matrices, as "BF16" or "Q4_K, Q6_K"."""
    kinds = sorted({kind.name for kind, _ in twin.packed.values()} - {"F32"})
    if not model.file_type:
        kinds.insert(0, {torch.float32: "F32", torch.float16: "F16"}.get(model.dtype, "BF16"))
    return ", ".join(kinds)


def describe(
    model: GoldenModel, twin: Twin, proof: Proof, cases: list[dict], files: dict, readers: dict
) -> dict:
    return {
        "name": model.name,
        "architecture": model.architecture,
        "model_type": model.config.model_type,
        "features": list(model.features),
        "vocab_size": model.config.vocab_size,
        "tolerance": prove.TOLERANCE,
        "files": files,
        "cases": cases,
        "proof": {
            "note": model.note,
            "weights": stored_types(model, twin),
            "parameters": sum(value.numel() for value in twin.tensors.values()),
            "spread": round(proof.spread, 3),
            "sharpness": round(proof.sharpness, 3),
            "rounding": float(f"{proof.rounding:.2g}"),
            "moves": {name: round(move, 3) for name, move in proof.moves.items()},
            "readers": readers,
        },
    }


def read_by_others(
    folder: Path, paths: list[Path], model: GoldenModel, twin, proof: Proof
) -> tuple[dict, list[str]]:
    failures = []
    if not model.file_type:
        directory = verify.directory_error(folder / "hf", model, proof.results)
        if not directory <= verify.DIRECTORY_TOLERANCE:
            failures.append(f"the directory's own logits are off by {directory:.2g}")
    wrong = verify.wrong_tensors(paths, twin)
    if wrong:
        failures.append(f"the GGUF file holds other values: {', '.join(wrong)}")
    exact, as_stored = verify.llama_cpp_errors(paths, model, twin, proof.state, proof.results)
    if not exact <= model.reader_bound:
        failures.append(
            f"llama.cpp is off by {exact:.3g} on the GGUF file, wanted {model.reader_bound}"
        )
    other = verify.transformers_error(paths, proof.results)
    agrees = isinstance(other, float) and other <= prove.TOLERANCE
    print(f"  llama.cpp {exact:.2g} (file as stored: {as_stored}), transformers: {other}")
    readers = {
        "bound": model.reader_bound,
        "llama_cpp_f32": float(f"{exact:.2g}"),
        "llama_cpp_file": None if as_stored is None else float(f"{as_stored:.2g}"),
        "transformers": float(f"{other:.2g}") if agrees else None,
        "uncovered": [*model.uncovered, *model.uncovered_keys],
    }
    return readers, failures


def make(model: GoldenModel) -> list[str]:
    """Writes the model's folder. Answers what it fails to prove."""
    proof = prove.prove(model)
    print(
        f"{model.name}: spread {proof.spread:.2f}, sharpness {proof.sharpness:.2f}, rounding {proof.rounding:.1e}"
    )
    for feature, move in proof.moves.items():
        print(f"  without {feature:24} {move:8.3f}")
    failures = prove.failures(model, proof)
    folder = FOLDER / model.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not model.file_type:
        hf_directory.write(folder / "hf", model, proof.state)
    twin = model.twin(model, proof.state)
    paths = gguf_file.write(folder / "model.gguf", model, twin)
    readers, unread = read_by_others(folder, paths, model, twin, proof)
    files = {"hf": None if model.file_type else "hf", "gguf": paths[0].name}
    cases = write_cases(folder, model, proof.results)
    (folder / "golden.json").write_text(
        to_json(describe(model, twin, proof, cases, files, readers)) + "\n"
    )
    large = [str(p) for p in folder.rglob("*") if p.is_file() and p.stat().st_size > LARGEST_FILE]
    return failures + unread + [f"{path} is larger than {LARGEST_FILE} bytes" for path in large]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="models to make (all)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    unknown = set(arguments.names) - {model.name for model in MODELS}
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    failed = False
    for model in MODELS:
        if arguments.names and model.name not in arguments.names:
            continue
        for failure in make(model):
            print(f"  FAILED: {failure}")
            failed = True
    report.write(FOLDER)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
