"""Claim: our text engine gives more tokens a second than `generate` one by one and than `transformers serve`.

Peers, with the same weights, prompts, precision and threads, all greedy: `generate` request by request; `generate` in
padded batches as large as the concurrency; `transformers serve --continuous-batching`, the server that the installed
transformers bring, on the loopback address. The engine is asked in-process; with `--service URL` a running Gitex is
asked over HTTP too, as the peer server is. A rate is the answers' tokens by the seconds from the first request to the
last answer, the median of the rounds; peers and engine take turns. Prints one JSON object; a ratio is engine by peer:
above 1 the engine is faster.

    python -m benchmarks.text_engine [--model FOLDER] [--requests 16] [--rounds 3] [--service http://127.0.0.1:8000]
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import torch

from benchmarks.measuring.engines import Monotonic, Silent
from benchmarks.measuring.machine import machine
from configs.catalog import REPOSITORY, EngineOptions, ModelEntry
from gitex.copywriting import TONES, CopyBrief, brief_messages
from gitex.events import TextFinished
from gitex.ports import RunContext, TextEngine
from gitex.specs import CopySpec, Message
from models.text.load import load_model, load_text_engine, stop_tokens
from models.text.prompts import encode_prompt

CONCURRENCIES = (1, 4, 16)
THINGS = ("red star", "teal owl", "golden castle", "purple whale", "snowy mountain", "wooden boat", "white moon")
Ask = Callable[[tuple[Message, ...]], Awaitable[int]]
"""Has one prompt answered; returns the answer's number of tokens."""
Rates = dict[int, list[float]]
"""Tokens a second of every round, by concurrency."""


def prompts(count: int) -> list[tuple[Message, ...]]:
    """Briefs, all different."""
    return [
        brief_messages(
            CopyBrief(f"a {THINGS[i % len(THINGS)]} number {i}", ("night",) * (i % 2), TONES[i % len(TONES)])
        )
        for i in range(count)
    ]


async def rate(ask: Ask, wanted: list[tuple[Message, ...]], concurrency: int) -> float:
    """Tokens a second with `concurrency` requests under way until all are answered."""
    gate = asyncio.Semaphore(concurrency)

    async def one(messages: tuple[Message, ...]) -> int:
        async with gate:
            return await ask(messages)

    began = time.perf_counter()
    tokens = sum(await asyncio.gather(*(one(messages) for messages in wanted)))
    return tokens / (time.perf_counter() - began)


def engine_asker(engine: TextEngine, max_tokens: int) -> Ask:
    async def ask(messages: tuple[Message, ...]) -> int:
        spec = CopySpec(engine.info.variant, messages, max_tokens, temperature=0.0)
        events = [event async for event in engine.generate(spec, RunContext("benchmark"))]
        assert isinstance(events[-1], TextFinished)
        return events[-1].completion_tokens

    return ask


def http_asker(client: httpx.AsyncClient, model: str, max_tokens: int) -> Ask:
    async def ask(messages: tuple[Message, ...]) -> int:
        body = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        answer = await client.post("/v1/chat/completions", json=body)
        answer.raise_for_status()
        tokens: int = answer.json()["usage"]["completion_tokens"]
        return tokens

    return ask


class Generate:
    """`generate` of transformers over padded batches."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._model, self._tokenizer = load_model(folder, torch.float32)
        self._ends = stop_tokens(self._model, self._tokenizer)
        self._max_tokens = max_tokens

    def rate(self, wanted: list[tuple[Message, ...]], batch: int) -> float:
        """Tokens a second, `batch` prompts at a time."""
        began = time.perf_counter()
        tokens = sum(self._batch(wanted[i : i + batch]) for i in range(0, len(wanted), batch))
        return tokens / (time.perf_counter() - began)

    @torch.no_grad()
    def _batch(self, wanted: list[tuple[Message, ...]]) -> int:
        ids = [encode_prompt(self._tokenizer, messages, 10**6) for messages in wanted]
        longest = max(map(len, ids))
        given = torch.tensor([[self._ends[0]] * (longest - len(row)) + row for row in ids])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids])
        out = self._model.generate(
            given,
            attention_mask=mask,
            max_new_tokens=self._max_tokens,
            do_sample=False,
            eos_token_id=self._ends,
            pad_token_id=self._ends[0],
        )
        return sum(self._length(row) for row in out[:, longest:].tolist())

    def _length(self, row: list[int]) -> int:
        """Tokens up to the first end, which counts."""
        return next((i + 1 for i, token in enumerate(row) if token in self._ends), len(row))


@contextmanager
def transformers_serve(folder: Path, threads: int) -> Iterator[str]:
    """The address of `transformers serve` over `folder`; it does not touch the network."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(folder)]
    sizes = ["--cb-block-size", "64", "--cb-num-blocks", "64", "--cb-max-batch-tokens", "512"]
    place = ["--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [*command, "--continuous-batching", "--log-level", "error", *sizes, *place],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            if process.poll() is not None:
                raise RuntimeError(f"transformers serve ended with {process.returncode}")
            try:
                httpx.get(f"{url}/health", timeout=2, trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(30)


async def measure(args: argparse.Namespace, server: str) -> dict[str, Rates]:
    """Every peer's rates, round by round in turns, after one warm-up each."""
    folder, wanted = args.model.resolve(), prompts(args.requests)
    options = EngineOptions(device="cpu", threads=args.threads, max_batch=max(CONCURRENCIES))
    entry = ModelEntry(name="benchmark", version=1, kind="text", source=str(folder), engine=options)
    engine = load_text_engine(entry, Silent(), Monotonic())
    plain = Generate(folder, args.max_tokens)
    rates: dict[str, Rates] = {}
    async with (
        httpx.AsyncClient(base_url=server, timeout=300, trust_env=False) as peer,
        httpx.AsyncClient(base_url=args.service or "http://127.0.0.1", timeout=300, trust_env=False) as ours,
    ):
        askers = {
            "engine": engine_asker(engine, args.max_tokens),
            "transformers_serve": http_asker(peer, str(folder), args.max_tokens),
        }
        if args.service:
            askers["service"] = http_asker(ours, args.service_model, args.max_tokens)
        for number in range(args.rounds + 1):
            for concurrency in CONCURRENCIES:
                done = {name: await rate(ask, wanted, concurrency) for name, ask in askers.items()}
                done["generate_one_by_one"] = plain.rate(wanted, 1)
                done["generate_batched"] = plain.rate(wanted, concurrency)
                if number > 0:
                    for name, value in done.items():
                        rates.setdefault(name, {}).setdefault(concurrency, []).append(value)
    await engine.close()
    return rates


def report(rates: dict[str, Rates], args: argparse.Namespace) -> dict[str, Any]:
    """Medians, and the ratios to the engine's (and the service's, to the peer server's)."""
    medians = {name: {c: statistics.median(rounds) for c, rounds in by.items()} for name, by in rates.items()}
    ratios = {
        f"engine / {peer}": {c: round(medians["engine"][c] / medians[peer][c], 2) for c in CONCURRENCIES}
        for peer in ("generate_one_by_one", "generate_batched", "transformers_serve")
    }
    if "service" in medians:
        mine, theirs = medians["service"], medians["transformers_serve"]
        ratios["service / transformers_serve"] = {c: round(mine[c] / theirs[c], 2) for c in CONCURRENCIES}
    return {
        "model": args.model.name,
        "requests": args.requests,
        "rounds": args.rounds,
        "tokens_per_second": {name: {c: round(value) for c, value in by.items()} for name, by in medians.items()},
        "ratios": ratios,
        "machine": machine(torch.device("cpu"), torch.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/starter/weights/starter-copy")
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--service", help="a running Gitex, to be asked over HTTP as well")
    parser.add_argument("--service-model", default="starter-copy")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with transformers_serve(args.model.resolve(), args.threads) as server:
        rates = asyncio.run(measure(args, server))
    print(json.dumps(report(rates, args), indent=2))


if __name__ == "__main__":
    main()
