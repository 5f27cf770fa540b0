# SPDX-License-Identifier: Apache-2.0
"""Finds weights that show every feature, and proves that they do."""

import copy
import zlib
from dataclasses import dataclass

import torch

from . import reference, weights
from .model import Case, GoldenModel, State, Variant

TOLERANCE = 1e-3  # of a logit, for LLMOS
FEATURE_MOVES = 100 * TOLERANCE  # some logit must move this far when a feature is left out
LOGIT_SPREAD = 2.0
SHARPNESS = 0.15
DISTINCT_TOKENS = 8  # in the first case's continuation
FEWEST_IN_CASE = 4  # in every other one
SMALLEST_GAP = (
    0.02  # of the two best logits: twenty tolerances, so that the greedy tokens are beyond dispute
)
ROUNDING = 1e-4  # float32 against float64: what the reference's own arithmetic is worth
SEEDS = 400


@dataclass
class CaseResult:
    case: Case
    prompt_ids: list[int]
    greedy_ids: list[int]
    gap: float
    logits: torch.Tensor  # [prompt + greedy, vocabulary]

    @property
    def ids(self) -> list[int]:
        return self.prompt_ids + self.greedy_ids


@dataclass
class Proof:
    state: State  # as stored
    results: list[CaseResult]
    spread: float
    sharpness: float
    rounding: float
    moves: dict[str, float]  # feature -> the largest change of a logit without it


def variant(model: GoldenModel, state: State) -> Variant:
    return Variant(copy.deepcopy(model.config), weights.widened(model.dequantised(state)))


def prompts(model: GoldenModel) -> list[list[int]]:
    """Begin-of-sequence, then random ids that a tokenizer of printable ASCII could have made."""
    generator = torch.Generator().manual_seed(zlib.crc32(model.name.encode()))
    last = min(model.config.vocab_size, 99)
    return [
        [1] + torch.randint(3, last, (case.prompt_length - 1,), generator=generator).tolist()
        for case in model.cases
    ]


def run_cases(model: GoldenModel, network: torch.nn.Module) -> list[CaseResult] | None:
    """None as soon as a greedy choice is too close."""
    results = []
    for case, prompt in zip(model.cases, prompts(model)):
        ids, gap = reference.greedy(network, prompt, case.greedy_length)
        if gap < SMALLEST_GAP or len(set(ids)) < (FEWEST_IN_CASE if results else DISTINCT_TOKENS):
            return None
        results.append(CaseResult(case, prompt, ids, gap, reference.logits(network, prompt + ids)))
    return results


def _moves(model: GoldenModel, state: State, results: list[CaseResult]) -> dict[str, float]:
    moves = {}
    for feature, ablate in model.features.items():
        changed = variant(model, state)
        ablate(changed)
        network = reference.build(changed)
        moves[feature] = max(
            (reference.logits(network, r.ids) - r.logits).abs().max().item() for r in results
        )
    return moves


def _rounding(network: torch.nn.Module, results: list[CaseResult]) -> float:
    exact = copy.deepcopy(network).double()
    return max((reference.logits(exact, r.ids) - r.logits).abs().max().item() for r in results)


def prove(model: GoldenModel) -> Proof:
    """The first seed whose greedy tokens are many and beyond dispute; then every other claim must hold for it."""
    for seed in range(SEEDS):
        state = weights.random_state(model, seed)
        network = reference.build(variant(model, state))
        results = run_cases(model, network)
        if results:
            break
    else:
        raise SystemExit(
            f"{model.name}: no seed below {SEEDS} has {DISTINCT_TOKENS} clear greedy tokens"
        )
    rows = torch.cat([r.logits for r in results])
    proof = Proof(
        state=state,
        results=results,
        spread=rows.std(-1).mean().item(),
        sharpness=reference.attention_sharpness(network, results[-1].ids),
        rounding=_rounding(network, results),
        moves=_moves(model, state, results),
    )
    return proof


def failures(model: GoldenModel, proof: Proof) -> list[str]:
    found = []
    if proof.spread < LOGIT_SPREAD:
        found.append(f"logits spread by {proof.spread:.2f}, wanted {LOGIT_SPREAD}")
    if proof.sharpness < SHARPNESS:
        found.append(f"attention sharpness {proof.sharpness:.2f}, wanted {SHARPNESS}")
    if proof.rounding > ROUNDING:
        found.append(f"float32 is {proof.rounding:.1e} from float64, wanted {ROUNDING}")
    for feature, move in proof.moves.items():
        if not move >= FEATURE_MOVES:
            found.append(f"without '{feature}' logits move by {move:.3g}, wanted {FEATURE_MOVES}")
    return found
