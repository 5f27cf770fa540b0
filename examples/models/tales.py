# SPDX-License-Identifier: Apache-2.0
"""Short stories from a grammar, and the checker that reads them back.

A story is a chain of events. Every event has sentence forms with slots; a slot that names something ({hero},
{thing}) has one value in a story, the others are drawn anew. `tell` writes a story, `check` says what is wrong with
one: it matches each sentence against the forms of the events that may come next, with the values that the earlier
sentences have bound.

    python tales.py 3 --seed 7        # three stories
"""
import argparse
import random
import re

from tale_words import FREE, FORMS, NAMES, OBSTACLES, PLOT

PRONOUNS = {"f": {"he": "she", "him": "her", "his": "her"}, "m": {"he": "he", "him": "him", "his": "his"}}
SLOT = re.compile(r"\{(\w+)\}")
# What is drawn once and then means the same thing to the end. `thing` is an adjective and a noun, drawn together.
BOUND = ("hero", "friend", "kind", "friend_kind", "thing_kind", "thing_look", "home", "home_look", "far", "far_look")
DERIVED = {f"{name}_{case}" for name in ("hero", "friend") for case in ("he", "him", "his")}


def draw_bindings(rng):
    """The people, the thing and the places of one story."""
    bound = {}
    names = rng.sample([(name, gender) for gender in NAMES for name in NAMES[gender]], 2)
    for role, (name, gender) in zip(("hero", "friend"), names):
        bound[role] = name
        for case, word in PRONOUNS[gender].items():
            bound[f"{role}_{case}"] = word
    bound["kind"], bound["friend_kind"] = rng.sample(FREE["kind"], 2)
    bound["home"], bound["far"] = rng.sample(FREE["place"], 2)
    bound["home_look"], bound["far_look"] = rng.sample(FREE["place_look"], 2)
    bound["thing_kind"] = rng.choice(FREE["thing_kind"])
    bound["thing_look"] = rng.choice(FREE["thing_look"])
    return bound


def with_article(text):
    """a -> an before a vowel, and capitals at the beginning of a sentence."""
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[0].upper() + text[1:]


def fill(form, bound, rng):
    def value(match):
        slot = match.group(1)
        return bound[slot] if slot in bound else rng.choice(FREE[slot])

    return with_article(SLOT.sub(value, form))


def tell(rng, bound=None):
    """(bound values, story)."""
    bound = bound or draw_bindings(rng)
    obstacle = rng.choice(sorted(OBSTACLES))
    sentences = []
    for event in PLOT:
        forms = FORMS[event] if event in FORMS else OBSTACLES[obstacle][event]
        sentences.append(fill(rng.choice(forms), bound, rng))
    return bound, " ".join(sentences)


def pattern_of(form):
    """A form as a regular expression: every slot is a group of one of its values."""
    parts, end = [], 0
    for match in SLOT.finditer(form):
        parts.append(re.escape(form[end : match.start()]))
        parts.append(f"(?P<{match.group(1)}_{len(parts)}>{'|'.join(map(re.escape, values_of(match.group(1))))})")
        end = match.end()
    parts.append(re.escape(form[end:]))
    pattern = "".join(parts)
    pattern = re.sub(r"(?<![\w\\])([Aa])\\ (?=\(|[aeiou])", lambda m: m.group(1) + r"n?\ ", pattern)
    return re.compile(pattern, re.IGNORECASE)


def values_of(slot):
    if slot in ("hero", "friend"):
        return [name for gender in NAMES for name in NAMES[gender]]
    if slot in DERIVED:
        return sorted({PRONOUNS[gender][slot.split("_")[1]] for gender in PRONOUNS})
    pool = {"friend_kind": "kind", "home": "place", "far": "place", "home_look": "place_look", "far_look": "place_look"}
    return FREE[pool.get(slot, slot)]


PATTERNS = {event: [pattern_of(form) for form in FORMS[event]] for event in FORMS}
OBSTACLE_PATTERNS = {
    (obstacle, event): [pattern_of(form) for form in OBSTACLES[obstacle][event]]
    for obstacle in OBSTACLES for event in OBSTACLES[obstacle]
}
GENDER = {name: gender for gender in NAMES for name in NAMES[gender]}


def bind(pattern, story, begin, bound):
    """(end, the bound values after the sentence that begins there), or None where the form does not fit."""
    match = pattern.match(story, begin)
    if not match or story[match.end() : match.end() + 1] not in ("", " "):
        return None
    plain = re.sub(r"\b([Aa])n(?= [aeiou])", r"\1", match.group())
    if with_article(plain) != match.group():
        return None
    now = dict(bound)
    for group, value in match.groupdict().items():
        slot = group.rsplit("_", 1)[0]
        if slot not in BOUND and slot not in DERIVED:
            continue
        value = value.capitalize() if slot in ("hero", "friend") else value.lower()
        if now.setdefault(slot, value) != value:
            return None
        if slot in ("hero", "friend"):
            for case, word in PRONOUNS[GENDER[value]].items():
                if now.setdefault(f"{slot}_{case}", word) != word:
                    return None
    return match.end() + 1, now


def check(story):
    """None for a story of the grammar, else what is wrong."""
    begin, bound, obstacle = 0, {}, None
    for event in PLOT:
        kinds = [obstacle] if obstacle or event in FORMS else sorted(OBSTACLES)
        for kind in kinds:
            patterns = PATTERNS[event] if event in FORMS else OBSTACLE_PATTERNS[kind, event]
            found = next(filter(None, (bind(pattern, story, begin, bound) for pattern in patterns)), None)
            if found:
                break
        else:
            return f"no form of the event '{event}' fits: {story[begin : begin + 80]}"
        begin, bound = found
        obstacle = kind
        if bound.get("hero") == bound.get("friend", "nobody"):
            return "hero and friend have one name"
    return None if begin > len(story) else f"more than a story: {story[begin : begin + 80]}"


def fixed_phrases():
    """What every form says between its slots."""
    forms = [form for event in FORMS for form in FORMS[event]]
    forms += [form for o in OBSTACLES for event in OBSTACLES[o] for form in OBSTACLES[o][event]]
    return sorted({part for form in forms for part in SLOT.split(form)[::2] if part.strip()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for _ in range(arguments.count):
        _, story = tell(rng)
        assert check(story) is None, check(story)
        print(story + "\n")


if __name__ == "__main__":
    main()
