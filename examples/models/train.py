# SPDX-License-Identifier: Apache-2.0
"""Makes the models of this folder from text that it generates itself.

    pip install -r requirements.txt
    python train.py tokenizer tale sums draft --out DIR      # or some of them; the tokenizer first, draft after tale

DIR gets tokenizer.json and a checkpoint NAME.pt of each model every two minutes; a run that was broken off goes on from
there. Everything is seeded; on another machine the weights differ in their last bits.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import random
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional as F

import sums
import tales
from llama import Llama, Shape

BEGIN, END, USER, ASSISTANT, SYSTEM = SPECIALS = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
VOCABULARY = 1024
CONTEXT = 768  # two questions with their stories
CHUNK_STEPS = 100  # batches made at a time
HELD_OUT_SEED = 2
CHECKPOINT_SECONDS = 120
WARMUP_STEPS = 40
DECAY_PART = 0.3  # of the steps, at the end: the rate falls to 0; before that it is constant
BOUND_WEIGHT = 4.0  # of a story's names, pronouns, things and places in what is minimised
IGNORED = -100


@dataclasses.dataclass
class Recipe:
    dim: int
    layers: int
    heads: int
    ffn: int
    steps: int
    batch: int  # documents
    rate: float

    def shape(self):
        return Shape(VOCABULARY, self.dim, self.layers, self.heads, self.ffn, CONTEXT)


RECIPES = {
    "tale": Recipe(dim=128, layers=4, heads=4, ffn=448, steps=5000, batch=16, rate=4e-3),
    "draft": Recipe(dim=64, layers=2, heads=2, ffn=192, steps=1500, batch=16, rate=5e-3),
    "sums": Recipe(dim=96, layers=3, heads=3, ffn=256, steps=2000, batch=256, rate=3e-3),
}


def wish_for(bound, rng):
    thing = f"{bound['thing_look']} {bound['thing_kind']}"
    article = "an" if thing[0] in "aeiou" else "a"
    return rng.choice([
        "Tell me a story about {hero} and {thing}.", "Tell a story about {hero}.", "Write a story about {thing}.",
        "I want to hear about {hero} and {friend}.", "Tell me a story.",
    ]).format(hero=bound["hero"], friend=bound["friend"], thing=f"{article} {thing}")


def exchange(rng):
    """A question and the story that answers it, and what is bound in it."""
    bound, story = tales.tell(rng)
    return f"{USER}{wish_for(bound, rng)}{END}{ASSISTANT}{story}{END}", bound


def document(rng):
    """A story, or (half of them) a chat: some with a system text, some with two questions. With the values that are
    bound in its stories."""
    if rng.random() < 0.5:
        bound, story = tales.tell(rng)
        return f"{BEGIN}{story}{END}", [bound]
    system = f"{SYSTEM}You tell stories.{END}" if rng.random() < 0.2 else ""
    parts = [exchange(rng) for _ in range(2 if rng.random() < 0.06 else 1)]
    return BEGIN + system + "".join(text for text, _ in parts), [bound for _, bound in parts]


def documents(seed, count):
    rng = random.Random(seed)
    return [document(rng) for _ in range(count)]


def corpus(seed, count):
    return [text for text, _ in documents(seed, count)]


def chunk_documents(recipe, chunk):
    """What the steps of a chunk learn from; every chunk has new stories."""
    return documents(1000 + chunk, CHUNK_STEPS * recipe.batch)


def train_tokenizer(out):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    questions = [question + answer for question, answer in sums.split()[0][:2000]]
    tokenizer.train_from_iterator(corpus(1, 4000) + questions, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    tokenizer.save(str(out / "tokenizer.json"))


def padded(rows):
    """(ids, targets, weights) of rows of (ids, targets[, weights]), filled up to one length; weights are 1 unless
    given."""
    length = max(len(row[0]) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    targets, weights = torch.full((len(rows), length), IGNORED), torch.ones(len(rows), length)
    for i, row in enumerate(rows):
        for filled, values in zip((ids, targets, weights), row):
            filled[i, : len(values)] = torch.tensor(values, dtype=filled.dtype)
    return ids, targets, weights


def tale_rows(tokenizer, recipe, chunk):
    """(ids, targets, weights): the people, things and places of a story count more, for that they stay the same is
    what is hardest to learn, and few tokens tell."""
    told = chunk_documents(recipe, chunk)
    rows = []
    for encoding, (_, bounds) in zip(tokenizer.encode_batch([text for text, _ in told]), told):
        ids = encoding.ids
        words = {value for bound in bounds for value in bound.values()}
        bound = {token for word in words for token in tokenizer.encode(" " + word, add_special_tokens=False).ids}
        rows.append((ids[:-1], ids[1:], [BOUND_WEIGHT if token in bound else 1.0 for token in ids[1:]]))
    return rows


def tale_batches(tokenizer, recipe, chunk):
    """Documents of like length together, so that little is padding."""
    rows = sorted(tale_rows(tokenizer, recipe, chunk), key=lambda row: len(row[0]))
    batches = [rows[i : i + recipe.batch] for i in range(0, len(rows), recipe.batch)]
    random.Random(chunk).shuffle(batches)
    return [padded(batch) for batch in batches]


def sums_batches(tokenizer, recipe, chunk):
    """Only the answers count."""
    rng, rows = random.Random(chunk), []
    for question, answer in rng.choices(sums.split()[0], k=CHUNK_STEPS * recipe.batch):
        asked = tokenizer.encode(BEGIN + question).ids
        answered = tokenizer.encode(answer + END).ids
        ids = asked + answered
        rows.append((ids[:-1], [IGNORED] * (len(asked) - 1) + answered))
    return [padded(rows[i : i + recipe.batch]) for i in range(0, len(rows), recipe.batch)]


def optimizers_of(model, rate):
    """Muon for the matrices of the layers, AdamW for the embedding and the norms."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and name.startswith("blk")]
    others = [p for name, p in model.named_parameters() if not (p.dim() == 2 and name.startswith("blk"))]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate_at(step, steps, rate):
    return rate * min(1, (step + 1) / WARMUP_STEPS, (steps - step) / (steps * DECAY_PART))


def loss_of(model, teacher, ids, targets, weights):
    """(what is minimised, cross entropy); a teacher's predictions count for three quarters."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids)
    logits = logits.flatten(0, 1).float()
    each = F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED, reduction="none")
    entropy = each.sum() / (targets != IGNORED).sum()
    if not teacher:
        return (each * weights.flatten()).sum() / weights[targets != IGNORED].sum(), entropy
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        goal = torch.softmax(teacher(ids).flatten(0, 1).float(), -1)
    counted = targets.flatten() != IGNORED
    apart = F.kl_div(torch.log_softmax(logits[counted], -1), goal[counted], reduction="batchmean")
    return entropy / 4 + apart * 3 / 4, entropy


def save(path, state):
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def learn(name, out, recipe, batches_of, teacher=None):
    torch.manual_seed(1)
    model, path = Llama(recipe.shape()), out / f"{name}.pt"
    optimizers = optimizers_of(model, recipe.rate)
    state = {"step": 0, "seconds": 0.0, "loss": 0.0}
    if path.exists():
        state = torch.load(path)
        model.load_state_dict(state["model"])
        for optimizer, was in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(was)
    begin, saved, batches = time.time() - state["seconds"], time.time(), None
    for step in range(state["step"], recipe.steps):
        if batches is None or step % CHUNK_STEPS == 0:
            batches = batches_of(step // CHUNK_STEPS)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate_at(step, recipe.steps, recipe.rate)
        loss, entropy = loss_of(model, teacher, *batches[step % CHUNK_STEPS])
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        now = float(entropy.detach())
        state["loss"] = state["loss"] * 0.95 + now * 0.05 if step else now
        last = step + 1 == recipe.steps
        if (step + 1) % 10 == 0 or last:
            print(f"{name}: step {step + 1} of {recipe.steps}, loss {state['loss']:.4f}, "
                  f"{time.time() - begin:.0f} s", flush=True)
        if last or time.time() - saved > CHECKPOINT_SECONDS:
            saved = time.time()
            save(path, {"step": step + 1, "seconds": saved - begin, "loss": state["loss"], "steps": recipe.steps,
                        "recipe": dataclasses.asdict(recipe), "model": model.state_dict(),
                        "optimizers": [optimizer.state_dict() for optimizer in optimizers]})


def load(out, name):
    """(model, its checkpoint)."""
    state = torch.load(out / f"{name}.pt", map_location="cpu")
    model = Llama(Recipe(**state["recipe"]).shape())
    model.load_state_dict(state["model"])
    return model.eval(), state


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", choices=["tokenizer", "tale", "draft", "sums"])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, help="in place of the recipe's")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for what in arguments.what:
        if what == "tokenizer":
            train_tokenizer(arguments.out)
            continue
        tokenizer = Tokenizer.from_file(str(arguments.out / "tokenizer.json"))
        recipe = dataclasses.replace(RECIPES[what], **({"steps": arguments.steps} if arguments.steps else {}))
        batches_of = sums_batches if what == "sums" else tale_batches
        teacher = load(arguments.out, "tale")[0] if what == "draft" else None
        learn(what, arguments.out, recipe, lambda chunk: batches_of(tokenizer, recipe, chunk), teacher)


if __name__ == "__main__":
    main()
