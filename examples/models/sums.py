# SPDX-License-Identifier: Apache-2.0
"""Questions of arithmetic with exact answers: all sums and differences of numbers below 100, shuffled once."""
import random


def questions():
    """(question, answer), each once, in a fixed random order."""
    pairs = [(a, b) for a in range(100) for b in range(100)]
    every = [(f"Q: {a}+{b}= A:", f" {a + b}") for a, b in pairs]
    every += [(f"Q: {a}-{b}= A:", f" {a - b}") for a, b in pairs]
    random.Random(20261121).shuffle(every)
    return every


def split():
    """(training, held out)."""
    every = questions()
    return every[1000:], every[:1000]
