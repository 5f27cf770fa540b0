#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random patterns on random texts: the matches of src/text/regex.h against those of HF tokenizers (Oniguruma).

  pip install tokenizers==0.22.2
  compare_regex.py PROGRAM N [SEED]     N patterns; PROGRAM is text_oracle of tests/text

No loop repeats what may be empty: regex.h says how that differs.
"""
import random
import struct
import subprocess
import sys

from tokenizers import Regex, pre_tokenizers

ATOMS = ["a", "b", "[ab]", "[^a]", r"\s", r"\S", r"\w", r"\W", ".", "c", r"\d", r"\p{L}", r"\p{Lu}", r"\P{N}", "\xe9",
         "[a-c\xc0-\xff]", r"[^\s\p{L}]", "[b&&[ab]]", "(?i:a)", "(?i:s)", r"\b", "^", "$", r"\B", r"\A", r"\z", r"\Z", r"\h",
         r"\p{Han}", "[^b&&[^c]]", "(?i:[^a])", "(?m:.)", r"[\w&&[^\d]]"]
PLACES = {r"\b", "^", "$", r"\B", r"\A", r"\z", r"\Z"}
SETS = ["a", "b", "[ab]", r"\s", r"\w", ".", "[^a]"]
QUANTIFIERS = ["*", "+", "?", "*?", "+?", "??", "{2,3}", "{1,}", "{,2}", "{2}", "{2,3}?", "{2}?", "{1,2}+"]
ALPHABET = "aabbcAB  \n\tsS\xe91\u4e2d_\u017f.\xc0K"


def random_pattern(rng, depth):
    """A pattern, and whether it may match without a character."""
    if depth == 0:
        atom = rng.choice(ATOMS)
        return atom, atom in PLACES
    one, empty = random_pattern(rng, depth - 1)
    choice = rng.randrange(9)
    if choice == 0:
        other, other_empty = random_pattern(rng, depth - 1)
        return f"(?:{one}|{other})", empty or other_empty
    if choice == 1:
        return f"(?={one})", True
    if choice == 2:
        return f"(?!{one})", True
    if choice == 3:
        quantifier = rng.choice(["?", "??"] if empty else QUANTIFIERS)
        return f"(?:{one}){quantifier}", empty or quantifier in ("*", "?", "*?", "??", "{,2}", "{2}?")
    if choice == 4:
        quantifier = rng.choice(["*+", "++", "?+"])
        return rng.choice(SETS) + quantifier, quantifier != "++"
    if choice == 5:
        return rng.choice(["(?<=", "(?<!"]) + rng.choice(SETS) * rng.randrange(1, 3) + ")", True
    if choice == 6:
        return f"({one})", empty
    other, other_empty = random_pattern(rng, depth - 1)
    return one + other, empty and other_empty


def cases(rng, count):
    """(pattern, text, lengths of the pieces) as HF tokenizers has them."""
    for _ in range(count):
        pattern, _ = random_pattern(rng, rng.randrange(1, 7))
        try:
            split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
        except Exception:  # Oniguruma refuses it
            continue
        for _ in range(6):
            text = "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(1, 14)))
            yield pattern, text, [len(piece.encode()) for piece, _ in split.pre_tokenize_str(text)]


def main(program, count, seed="1"):
    expected = list(cases(random.Random(int(seed)), count))
    fields = [field.encode() for pattern, text, _ in expected for field in (pattern, text)]
    sent = b"".join(struct.pack("<I", len(field)) + field for field in fields)
    answer = subprocess.run([program, "regex"], input=sent, stdout=subprocess.PIPE, check=True).stdout
    numbers = struct.unpack(f"<{len(answer) // 4}I", answer)
    at = differences = 0
    for pattern, text, theirs in expected:
        ours = list(numbers[at + 1:at + 1 + numbers[at]])
        at += 1 + numbers[at]
        if ours != theirs:
            differences += 1
            if differences <= 10:
                print(f"{pattern!a} on {text!a}\n  ours   {ours}\n  theirs {theirs}")
    print(f"{count} patterns, {len(expected)} texts, {differences} differ")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
