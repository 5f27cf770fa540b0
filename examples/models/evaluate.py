# SPDX-License-Identifier: Apache-2.0
"""Measures the models of DIR, their weights rounded to F16 as in their files, against their goals, and prints one line
for each: measure, value, goal.

    python evaluate.py --out DIR [--llmos build/release/examples/llmos]

With --llmos the GGUF files are compared with PyTorch too, token for token and logit for logit. Ends with 1 when a goal
is missed.
"""
import argparse
import json
import math
import pathlib
import random
import re
import subprocess

import torch
from tokenizers import Tokenizer

import sums
import tales
from tale_words import FREE, NAMES
from train import (ASSISTANT, BEGIN, CHUNK_STEPS, END, HELD_OUT_SEED, USER, Recipe, chunk_documents, corpus, load,
                   loss_of, padded)

TEMPERATURE = 0.6
SAMPLES = 1000
STORY_TOKENS_MAX = 400
WINDOW = 16  # successive tokens that count as copied
NAMES_OF_FILES = {"tale": "tale", "draft": "tale-draft", "sums": "sums"}
failed = []


def show(measure, value, goal, good):
    print(f"{'ok    ' if good else 'MISSED'}  {measure:<58} {value:>12}   {goal}", flush=True)
    if not good:
        failed.append(measure)


@torch.no_grad()
def sample(model, prompts, temperature, tokens_max, end, generator):
    """Continues prompts of one length. At temperature 0 the most probable token is taken."""
    caches = [[] for _ in model.blk]
    ids, outputs = torch.tensor(prompts), [[] for _ in prompts]
    for _ in range(tokens_max):
        logits = model(ids, caches)[:, -1].float()
        if temperature:
            ids = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)
        else:
            ids = logits.argmax(-1, keepdim=True)
        for output, token in zip(outputs, ids[:, 0].tolist()):
            if end not in output[-1:]:
                output.append(token)
        if all(output[-1] == end for output in outputs):
            break
    return outputs


def batches(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]


@torch.no_grad()
def perplexity(model, tokenizer, documents):
    total = count = 0
    for part in batches(sorted((e.ids for e in tokenizer.encode_batch(documents)), key=len), 20):
        ids, targets, weights = padded([(row[:-1], row[1:]) for row in part])
        known = sum(len(row) - 1 for row in part)
        total += float(loss_of(model, None, ids, targets, weights)[1]) * known
        count += known
    return math.exp(total / count)


def windows(items):
    return {tuple(items[i : i + WINDOW]) for i in range(len(items) - WINDOW + 1)}


class Content:
    """The tokens of a story that a slot of the grammar holds; the others are the generator's fixed phrases."""

    def __init__(self, tokenizer):
        words = {w for group in (FREE, NAMES) for values in group.values() for w in values}
        words |= {word + "s" for word in words}
        self.ids = {word.lower(): tuple(tokenizer.encode(" " + word.lower()).ids) for word in words}

    def tokens(self, text):
        return [i for word in re.findall(r"[\w-]+", text.lower()) for i in self.ids.get(word, ())]


def shared_parts(tokenizer, recipe, steps, texts):
    """The parts of `texts` that share a window of all tokens, and of those of the slots, with what was learned from."""
    content = Content(tokenizer)
    raw = [windows(e.ids) for e in tokenizer.encode_batch(texts)]
    slots = [windows(content.tokens(text)) for text in texts]
    raw_wanted, slots_wanted = set().union(*raw), set().union(*slots)
    raw_seen, slots_seen = set(), set()
    for chunk in range((steps + CHUNK_STEPS - 1) // CHUNK_STEPS):
        documents = [text for text, _ in chunk_documents(recipe, chunk)]
        for encoding, text in zip(tokenizer.encode_batch(documents), documents):
            raw_seen |= windows(encoding.ids) & raw_wanted
            slots_seen |= windows(content.tokens(text)) & slots_wanted
    count = len(texts)
    return (sum(not part.isdisjoint(raw_seen) for part in raw) / count,
            sum(not part.isdisjoint(slots_seen) for part in slots) / count)


def measure_tale(model, state, tokenizer):
    recipe, chunks = Recipe(**state["recipe"]), state["step"] // CHUNK_STEPS
    last = [text for text, _ in chunk_documents(recipe, max(chunks - 1, 0))]
    training = random.Random(3).sample(last, 500)
    known, unknown = (perplexity(model, tokenizer, text) for text in (training, corpus(HELD_OUT_SEED, 500)))
    show("tale: perplexity of held-out / of training text", f"{unknown / known:.3f}",
         f"<= 1.1 ({unknown:.3f} / {known:.3f})", unknown <= 1.1 * known)
    prompt = tokenizer.encode(f"{BEGIN}{USER}Tell me a story.{END}{ASSISTANT}").ids
    end = tokenizer.token_to_id(END)
    generator = torch.Generator().manual_seed(5)
    outputs = []
    for part in batches([prompt] * SAMPLES, 100):
        outputs += sample(model, part, TEMPERATURE, STORY_TOKENS_MAX, end, generator)
    texts = [tokenizer.decode(output) for output in outputs]
    faults = [fault for fault in map(tales.check, texts) if fault]
    right = 1 - len(faults) / SAMPLES
    show(f"tale: of {SAMPLES} samples, pass the checker", f"{right:.1%}", ">= 95 %", right >= 0.95)
    for fault in faults[:5]:
        print("          ", fault)
    raw, slots = shared_parts(tokenizer, recipe, state["step"], texts)
    show(f"tale: share {WINDOW} successive tokens beyond fixed phrases", f"{slots:.1%}", "<= 1 %", slots <= 0.01)
    own = [tales.tell(rng)[1] for rng in [random.Random(9)] for _ in range(SAMPLES)]
    own_raw, own_slots = shared_parts(tokenizer, recipe, state["step"], own)
    print(f"        for comparison, new stories of the generator itself: {own_slots:.1%}; fixed phrases counted too: "
          f"tale {raw:.1%}, the generator {own_raw:.1%}")


def measure_sums(model, tokenizer):
    end, right, asked = tokenizer.token_to_id(END), 0, {}
    for question, answer in sums.split()[1]:
        ids = tokenizer.encode(BEGIN + question).ids
        asked.setdefault(len(ids), []).append((ids, tokenizer.encode(answer + END).ids))
    for group in asked.values():
        outputs = sample(model, [ids for ids, _ in group], 0, 8, end, None)
        right += sum(output == answer for output, (_, answer) in zip(outputs, group))
    count = sum(map(len, asked.values()))
    show(f"sums: exact on {count} held-out questions", f"{right / count:.1%}", ">= 99 %", right >= 0.99 * count)


@torch.no_grad()
def measure_draft(draft, tale, tokenizer):
    same = count = 0
    rows = sorted((e.ids for e in tokenizer.encode_batch(corpus(HELD_OUT_SEED, 200))), key=len)
    for part in batches(rows, 20):
        ids, targets, _ = padded([(row[:-1], row[1:]) for row in part])
        agree = (draft(ids).argmax(-1) == tale(ids).argmax(-1))[targets >= 0]
        same, count = same + int(agree.sum()), count + agree.numel()
    show("tale-draft: agrees with tale's greedy token", f"{same / count:.1%}", ">= 60 %", same >= 0.6 * count)


def ask(llmos, command, *arguments, text=None):
    words = [llmos, command, *arguments, "--json"]
    return json.loads(subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout)


@torch.no_grad()
def compare_files(llmos, out, models, tokenizer):
    texts = [f"{question}{answer}" for question, answer in sums.split()[1][:20]]
    texts += [text.removeprefix(BEGIN) for text in corpus(HELD_OUT_SEED, 20)]
    texts += ["It's 4,000.5 m; don't\n\nworry \u00e9\u4f60\u00bd"]
    file = str(out / "tale.gguf")
    differ = sum(ask(llmos, "tokenize", "--model", file, text=text)["ids"] != tokenizer.encode(BEGIN + text).ids
                 for text in texts)
    show(f"tokenizer: of {len(texts)} texts, other ids than HF tokenizers", differ, "0", differ == 0)
    for name, model in models.items():
        ids = tokenizer.encode(BEGIN + sums.split()[1][0][0] if name == "sums" else corpus(HELD_OUT_SEED, 1)[0]).ids
        found = ask(llmos, "score", "--model", str(out / f"{NAMES_OF_FILES[name]}.gguf"), "--ids",
                    ",".join(map(str, ids)), "--top", "20")["positions"]
        wanted = torch.log_softmax(model(torch.tensor([ids])).float(), -1)[0]
        apart = max(abs(top["logprob"] - float(wanted[i, top["id"]]))
                    for i, position in enumerate(found[1:]) for top in position["top"])
        show(f"{name}: our and PyTorch's log-probabilities, at most apart", f"{apart:.1e}", "<= 1e-3", apart <= 1e-3)


def as_shipped(model):
    """With the weights that the file holds."""
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.data = weight.data.half().float()
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--llmos", help="the tool, to compare the GGUF files with PyTorch")
    arguments = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(arguments.out / "tokenizer.json"))
    loaded = {name: load(arguments.out, name) for name in NAMES_OF_FILES if (arguments.out / f"{name}.pt").exists()}
    models = {name: as_shipped(model) for name, (model, _) in loaded.items()}
    for name, (model, state) in loaded.items():
        print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters, {state['step']} steps, "
              f"{state['seconds']:.0f} s, training loss {state['loss']:.4f}")
    if arguments.llmos:
        compare_files(arguments.llmos, arguments.out, models, tokenizer)
    if "sums" in models:
        measure_sums(models["sums"], tokenizer)
    if "tale" in models:
        measure_tale(models["tale"], loaded["tale"][1], tokenizer)
    if "draft" in models:
        measure_draft(models["draft"], models["tale"], tokenizer)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
