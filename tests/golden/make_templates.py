#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what transformers' apply_chat_template makes of chat templates; tests/text/chat_template_golden_test.cc compares.

    make_templates.py                 templates/golden.json, of our own templates templates/*.jinja
    make_templates.py FOLDER          templates/public.json, of public templates FOLDER/*.jinja that are not ours to ship

Each template meets each conversation of templates/conversations.json, without and with a generation prompt. golden.json holds
the texts, the messages of raise_exception() and "error" for what fails otherwise; public.json the FNV-1a of the same.
"""
import glob
import json
import os
import sys

import chat_reference

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


def hashed(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def answers(source, conversations):
    made = {}
    for name, conversation in conversations.items():
        for prompt in (False, True):
            context = {"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": prompt, **conversation}
            kind, said = chat_reference.render(source, context)
            made[name + ("+prompt" if prompt else "")] = {"error": True} if kind == "error" else {kind: said}
            if kind == "error" and "-v" in sys.argv:
                print(name, said)
    return made


def main():
    conversations = chat_reference.load(os.path.join(HERE, "conversations.json"))
    public = [argument for argument in sys.argv[1:] if argument != "-v"]
    made = {}
    for path in sorted(glob.glob(os.path.join(public[0] if public else HERE, "*.jinja"))):
        with open(path, encoding="utf-8", newline="") as file:
            source = file.read()
        found = answers(source, conversations)
        if public:
            found = {name: hashed(one.get("text", one.get("raised", "error"))) for name, one in found.items()}
            found = {"source": hashed(source), **found}
        made[os.path.basename(path)] = found
    with open(os.path.join(HERE, "public.json" if public else "golden.json"), "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False, indent=0)
        file.write("\n")
    print(f"{len(made)} templates, {len(conversations)} conversations")


main()
