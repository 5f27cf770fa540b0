#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""openai_client.py URL: the official `openai` client against a running server.

Each check ends the program at its first failure. Needs the package of tests/server/requirements.txt.
"""
import asyncio
import sys
import time

import openai


def check(condition, what):
    if not condition:
        sys.exit(f"openai_client: failed: {what}")
    print("ok", what)


def refused(call, kind, what):
    try:
        call()
    except kind as error:
        print("ok", what, "-", str(error)[:100])
        return error
    sys.exit(f"openai_client: not refused: {what}")


HELLO = [{"role": "user", "content": "hello"}]


def chat(client, model):
    reply = client.chat.completions.create(model=model, messages=HELLO, max_tokens=10, temperature=0)
    check(reply.choices[0].message.role == "assistant", "chat: role")
    check(reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens, "chat: usage")
    check(reply.choices[0].finish_reason in ("stop", "length"), "chat: finish_reason")
    parts, finish, usage = [], None, None
    for chunk in client.chat.completions.create(model=model, messages=HELLO, max_tokens=10, temperature=0, stream=True,
                                                stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            parts.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    check("".join(parts) == reply.choices[0].message.content, "chat: the stream is the answer")
    check(finish == reply.choices[0].finish_reason, "chat: stream's finish_reason")
    check(usage and usage.completion_tokens == reply.usage.completion_tokens, "chat: include_usage")
    both = client.chat.completions.create(model=model, messages=HELLO, max_completion_tokens=5, n=3, seed=1)
    check([c.index for c in both.choices] == [0, 1, 2], "chat: n")
    scored = client.chat.completions.create(model=model, messages=HELLO, max_tokens=4, logprobs=True, top_logprobs=3,
                                            temperature=0, extra_body={"ignore_eos": True})
    content = scored.choices[0].logprobs.content
    check(len(content) == 4 and len(content[0].top_logprobs) == 3, "chat: logprobs")
    check(content[0].logprob == content[0].top_logprobs[0].logprob, "chat: the greedy token is the best")
    again = [client.chat.completions.create(model=model, messages=HELLO, max_tokens=20, seed=5, temperature=1.3)
             for _ in range(2)]
    check(again[0].choices[0].message.content == again[1].choices[0].message.content, "chat: seed")


def completions(client, model):
    reply = client.completions.create(model=model, prompt=["once", "then"], max_tokens=6, n=2)
    check([c.index for c in reply.choices] == [0, 1, 2, 3], "completions: prompts and n")
    scored = client.completions.create(model=model, prompt="once", max_tokens=4, logprobs=2, temperature=0)
    check(len(scored.choices[0].logprobs.tokens) == len(scored.choices[0].logprobs.text_offset), "completions: logprobs")
    text = "".join(c.choices[0].text for c in
                   client.completions.create(model=model, prompt="once", max_tokens=6, stream=True, temperature=0))
    whole = client.completions.create(model=model, prompt="once", max_tokens=6, temperature=0)
    check(text == whole.choices[0].text, "completions: the stream is the answer")
    ids = client.completions.create(model=model, prompt=[5, 6, 7], max_tokens=2)
    check(ids.usage.prompt_tokens == 3, "completions: token ids")
    biased = client.completions.create(model=model, prompt="once", max_tokens=5, logit_bias={"40": 100})
    check(len(set(biased.choices[0].text)) <= 4, "completions: logit_bias")
    first = whole.choices[0].text
    if first:
        stopped = client.completions.create(model=model, prompt="once", max_tokens=6, temperature=0, stop=[first[:2]])
        check(stopped.choices[0].text == "" and stopped.choices[0].finish_reason == "stop", "completions: stop")


def others(client, model):
    check(client.models.list().data[0].id == model, "models: list")
    check(client.models.retrieve(model).id == model, "models: retrieve")
    vectors = client.embeddings.create(model=model, input=["once", "then", "once"])  # base64 inside
    check(vectors.data[0].embedding == vectors.data[2].embedding, "embeddings: base64")
    plain = client.embeddings.create(model=model, input="once", encoding_format="float")
    near = max(abs(a - b) for a, b in zip(plain.data[0].embedding, vectors.data[0].embedding))
    check(near < 1e-6, "embeddings: float")


def errors(client, model):
    error = refused(lambda: client.chat.completions.create(model=model, messages=HELLO, tools=[
        {"type": "function", "function": {"name": "f"}}]), openai.BadRequestError, "tools are not supported")
    check(error.param == "tools", "the error names the field")
    refused(lambda: client.chat.completions.create(model=model, messages=HELLO, extra_body={"frob": 1}),
            openai.BadRequestError, "an unknown field")
    refused(lambda: client.chat.completions.create(model="other", messages=HELLO), openai.NotFoundError, "another model")
    refused(lambda: client.completions.create(model=model, prompt=""), openai.BadRequestError, "an empty prompt")


def leaves(client, model):
    stream = client.completions.create(model=model, prompt="once", max_tokens=100000, stream=True,
                                       extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    metrics = client.with_options(max_retries=0)
    for _ in range(100):
        requests = metrics.get("../stats", cast_to=object)["requests"]
        if requests["running"] + requests["waiting"] == 0:
            break
        time.sleep(.05)
    check(requests["running"] == 0, "a client that leaves cancels its request")


async def many(url, model):
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def one():
        stream = await client.completions.create(model=model, prompt="once", max_tokens=8, stream=True)
        return [chunk async for chunk in stream]
    answers = await asyncio.gather(*(one() for _ in range(32)))
    check(all(answer[-1].choices[0].finish_reason for answer in answers), "32 asynchronous streams")


def main():
    url = sys.argv[1].rstrip("/") + "/v1"
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)
    model = client.models.list().data[0].id
    chat(client, model)
    completions(client, model)
    others(client, model)
    errors(client, model)
    leaves(client, model)
    asyncio.run(many(url, model))
    print("openai_client: everything passed, openai", openai.__version__)


main()
