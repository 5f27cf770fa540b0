# SPDX-License-Identifier: Apache-2.0
"""Makes the models of this folder from text that it generates itself.

    pip install -r requirements.txt
    python train.py tokenizer tale draft sums --out DIR      # or some of them; tale and draft in this order

Everything is seeded; on another machine the weights differ in their last bits. The models are Llamas, written as Hugging
Face directories with the tokenizer beside them.
"""
import argparse
import dataclasses
import json
import math
import pathlib
import random
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import sums
import tales

BEGIN, END, USER, ASSISTANT, SYSTEM = SPECIALS = ["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
VOCABULARY = 1024
CONTEXT = 512
STORIES = 20_000
HELD_OUT = 500


@dataclasses.dataclass
class Recipe:
    dim: int
    layers: int
    heads: int
    ffn: int
    epochs: int
    batch: int  # rows of CONTEXT tokens
    rate: float


RECIPES = {
    "tale": Recipe(dim=160, layers=5, heads=5, ffn=448, epochs=5, batch=8, rate=2e-3),
    "draft": Recipe(dim=64, layers=2, heads=2, ffn=192, epochs=4, batch=8, rate=4e-3),
    "sums": Recipe(dim=128, layers=4, heads=4, ffn=352, epochs=120, batch=8, rate=1e-3),
}


def document(rng):
    """A story, half of them as the answer to a question."""
    bound, story = tales.tell(rng)
    if rng.random() < 0.5:
        return f"{BEGIN}{story}{END}"
    thing = tales.with_article(f"a {bound['thing_look']} {bound['thing_kind']}")
    wish = rng.choice([
        "Tell me a story about {hero} and {thing}.", "Tell a story about {hero}.", "Write a story about {thing}.",
        "I want to hear about {hero} and {friend}.", "Tell me a story.",
    ]).format(hero=bound["hero"], friend=bound["friend"], thing=thing[0].lower() + thing[1:])
    return f"{BEGIN}{USER}{wish}{END}{ASSISTANT}{story}{END}"


def corpus(seed, count):
    rng = random.Random(seed)
    return [document(rng) for _ in range(count)]


def training_stories():
    return corpus(1, STORIES)


def held_out_stories():
    return corpus(2, HELD_OUT)


def train_tokenizer(out):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    questions = [question + answer for question, answer in sums.split()[0][:2000]]
    tokenizer.train_from_iterator(training_stories()[:4000] + questions, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    tokenizer.save(str(out / "tokenizer.json"))


def rows_of(tokenizer, documents, rng):
    """Documents in a random order, one behind the other, cut into rows."""
    documents = list(documents)
    rng.shuffle(documents)
    ids = [i for encoding in tokenizer.encode_batch(documents) for i in encoding.ids]
    rows = len(ids) // CONTEXT
    return torch.tensor(ids[: rows * CONTEXT]).view(rows, CONTEXT)


def new_model(recipe, tokenizer):
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=recipe.dim, intermediate_size=recipe.ffn, num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        bos_token_id=tokenizer.token_to_id(BEGIN), eos_token_id=tokenizer.token_to_id(END), rms_norm_eps=1e-5))


def learn(name, tokenizer, documents_of, teacher=None):
    """`documents_of(epoch)` is the text of an epoch; a teacher's predictions count half."""
    recipe = RECIPES[name]
    model = new_model(recipe, tokenizer)
    steps_of_epoch = len(rows_of(tokenizer, documents_of(0), random.Random(0))) // recipe.batch
    steps = steps_of_epoch * recipe.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.05)
    begin, step, shown = time.time(), 0, 0.0
    for epoch in range(recipe.epochs):
        rows = rows_of(tokenizer, documents_of(epoch), random.Random(epoch))
        for batch in rows[: steps_of_epoch * recipe.batch].split(recipe.batch):
            part = step / steps
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * min(1, (step + 1) / 100) * (0.05 + 0.95 * (1 + math.cos(math.pi * part)) / 2)
            with torch.autocast("cpu", torch.bfloat16):
                result = model(input_ids=batch, labels=batch)
            loss = result.loss
            if teacher:
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    goal = torch.softmax(teacher(input_ids=batch).logits.float(), -1)
                found = torch.log_softmax(result.logits.float(), -1)
                loss = loss / 2 + torch.nn.functional.kl_div(found, goal, reduction="none").sum(-1).mean() / 2
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            shown = 0.98 * shown + 0.02 * float(result.loss.detach()) if step > 1 else float(result.loss.detach())
            if step % 50 == 0:
                print(f"{name}: step {step} of {steps}, loss {shown:.4f}, {time.time() - begin:.0f} s", flush=True)
    return model.eval(), {"steps": step, "loss": round(shown, 4), "seconds": round(time.time() - begin)}


def sums_of_epoch(epoch):
    questions = [f"{BEGIN}{question}{answer}{END}" for question, answer in sums.split()[0]]
    random.Random(epoch).shuffle(questions)
    return questions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", choices=["tokenizer", "tale", "draft", "sums"])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for what in arguments.what:
        if what == "tokenizer":
            train_tokenizer(arguments.out)
            continue
        tokenizer = Tokenizer.from_file(str(arguments.out / "tokenizer.json"))
        teacher = LlamaForCausalLM.from_pretrained(arguments.out / "tale").eval() if what == "draft" else None
        stories = training_stories() if what != "sums" else None
        model, log = learn(what, tokenizer, (lambda epoch: stories) if stories else sums_of_epoch, teacher)
        model.save_pretrained(arguments.out / what)
        (arguments.out / what / "training.json").write_text(json.dumps(log) + "\n")


if __name__ == "__main__":
    main()
