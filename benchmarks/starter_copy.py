"""Does `starter-copy` write what it is asked for? `python -m benchmarks.starter_copy [--prompts 200]`

Prompts are scenes of the corpus's grammar that the seeded training set never had as a combination, each in one of the
tones, with up to three keywords. They are answered through the engine with fixed seeds, once with the model left free
at temperature 0.7, and once exactly as `/v1/copy` asks (in its form, `top_p` 0.95). An answer

- reads: it is the four lines of copy;
- holds the subject: the scene's `red star` stands in title, tagline or description, letter by letter;
- ends: by the model's own end token, not by a limit;
- has whole words: each is in the corpus's vocabulary or in the prompt;
- shows its tone: it has more marker words of that tone (words that no other tone's phrases have) than of any other;
- tells the scene: half of the prompt's words or more stand in it in one piece. No bar: many prompts are lists.

`distinct_2` is the share of different pairs of neighbouring words among all pairs, by that of the corpus's own answers
to the same briefs. Three more tables have no bars: scenes with made-up words, and prompts in people's own words, once
those whose subject the lexicon has and once those whose subject it does not have.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring.engines import Monotonic, Silent
from benchmarks.measuring.machine import machine
from configs.catalog import REPOSITORY, EngineOptions, ModelEntry
from gitex.copywriting import TONES, CopyBrief, copy_spec, parse_copy
from gitex.errors import EngineFailure
from gitex.events import TextDelta, TextFinished
from gitex.ports import RunContext, TextEngine
from models.starter.copywriting import Recipe
from models.starter.corpus import conversations, random_brief, vocabulary, write_copy
from models.starter.phrases import tone_of, words
from models.starter.scene_grammar import random_scene
from models.text.load import load_text_engine

BARS = {"reads": 0.95, "subject": 0.95, "ends": 0.95, "whole_words": 0.95, "tone": 0.8, "distinct_2": 0.5}
PEOPLE = Path(__file__).with_name("starter_copy_prompts.txt")


@dataclass(frozen=True)
class Task:
    """A brief, and what its answer must name."""

    brief: CopyBrief
    subject: str
    corpus_answer: str = ""


@dataclass(frozen=True)
class Written:
    """The model's answer."""

    text: str
    ended: bool


def held_out(count: int, recipe: Recipe, *, made_up: bool = False, seed: int = 1) -> list[Task]:
    """Scenes that the training set of `recipe` does not contain, the tones in turn.

    `made_up`: only briefs that have made-up words, else only such as have none.
    """
    seen = {c.scene.whole for c in conversations(recipe.conversations, recipe.seed) if c.scene is not None}
    known, rng = vocabulary(), random.Random(seed)
    tasks: dict[str, Task] = {}
    while len(tasks) < count:
        scene = random_scene(rng)
        brief = random_brief(scene, TONES[len(tasks) % len(TONES)], rng)
        strange = not known.issuperset(words(f"{scene.whole} {' '.join(brief.keywords)}"))
        if scene.whole not in seen and strange == made_up:
            tasks.setdefault(scene.whole, Task(brief, scene.subject, str(write_copy(scene, brief, rng))))
    return list(tasks.values())


def in_own_words() -> list[Task]:
    """What people ask for, from `starter_copy_prompts.txt`; the tones in turn."""
    lines = PEOPLE.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    return [Task(CopyBrief(prompt, (), TONES[i % len(TONES)]), subject) for i, (subject, prompt) in enumerate(pairs)]


async def write(engine: TextEngine, tasks: Sequence[Task], *, free: bool) -> list[Written]:
    """The model's answers, `free` or as `/v1/copy` asks for them; task number i has seed i."""
    limit = asyncio.Semaphore(32)

    async def one(task: Task, seed: int) -> Written:
        spec = copy_spec(engine.info.variant, task.brief, seed, _known(engine))
        if free:
            spec = replace(spec, constraint=None, top_p=1.0)
        async with limit:
            events = [event async for event in engine.generate(spec, RunContext("benchmark"))]
        assert isinstance(events[-1], TextFinished)
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        return Written(text, events[-1].reason == "stop")

    return await asyncio.gather(*(one(task, i) for i, task in enumerate(tasks)))


def _known(engine: TextEngine) -> tuple[str, ...]:
    return () if engine.info.text is None else engine.info.text.words


def judge(task: Task, written: Written, known: frozenset[str]) -> dict[str, bool]:
    """What of the task the answer got right."""
    prompt = " ".join((task.brief.prompt, *task.brief.keywords))
    joined_keywords = {keyword.replace(" ", "").lower() for keyword in task.brief.keywords}
    allowed = known | set(words(prompt)) | joined_keywords
    return {
        "reads": _reads(written.text),
        "subject": _holds(_without_hashtags(written.text), task.subject),
        "ends": written.ended,
        "whole_words": set(words(written.text)) <= allowed and "\ufffd" not in written.text,
        "tone": tone_of(written.text, ignoring=prompt) == task.brief.tone,
        "scene": 2 * _longest_run(words(task.brief.prompt), words(written.text)) >= len(words(task.brief.prompt)),
    }


def _without_hashtags(text: str) -> str:
    return text.partition("\nHashtags:")[0]


def _holds(text: str, subject: str) -> bool:
    """Whether the subject's words stand in the text, one after the other."""
    return _longest_run(words(subject), words(text)) == len(words(subject))


def _longest_run(wanted: list[str], said: list[str]) -> int:
    """How many neighbouring words of `wanted` stand as neighbours in `said`, at most."""
    longest, runs = 0, [0] * len(said)
    for word in wanted:
        runs = [0 if word != other else 1 + (runs[i - 1] if i else 0) for i, other in enumerate(said)]
        longest = max(longest, *runs, 0)
    return longest


def _reads(text: str) -> bool:
    try:
        parse_copy(text)
    except EngineFailure:
        return False
    return True


def distinct_2(texts: Sequence[str]) -> float:
    """Different pairs of neighbouring words by all pairs."""
    pairs = [pair for text in texts for pair in pairwise(words(text))]
    return len(set(pairs)) / len(pairs)


def table(tasks: Sequence[Task], answers: Sequence[Written]) -> dict[str, Any]:
    """The share of answers that got each thing right."""
    known = vocabulary()
    verdicts = [judge(task, written, known) for task, written in zip(tasks, answers, strict=True)]
    return {part: round(sum(verdict[part] for verdict in verdicts) / len(verdicts), 3) for part in verdicts[0]}


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    options = EngineOptions(device="cpu", threads=args.threads, max_batch=16, max_waiting=64)
    entry = ModelEntry(name="starter-copy", version=1, kind="text", source=str(args.model), engine=options)
    engine = load_text_engine(entry, Silent(), Monotonic())
    recipe = Recipe()
    tasks = held_out(args.prompts, recipe)
    unknown = {"made-up words": held_out(args.prompts // 4, recipe, made_up=True)}
    for task in in_own_words():
        known = vocabulary().issuperset(words(task.subject))
        unknown.setdefault(f"people's words, subject {'known' if known else 'new'}", []).append(task)
    corpus_distinct = distinct_2([task.corpus_answer for task in tasks])
    began, out = time.monotonic(), dict[str, Any]()
    samples: list[str] = []
    runs = {"free": tasks, "in_form": tasks}
    runs |= {f"{form}, {name}": strange for name, strange in unknown.items() for form in ("free", "in_form")}
    for name, wanted in runs.items():
        answers = await write(engine, wanted, free=name.startswith("free"))
        out[name] = {"prompts": len(wanted), **table(wanted, answers)}
        if wanted is tasks:
            out[name]["distinct_2"] = round(distinct_2([a.text for a in answers]) / corpus_distinct, 3)
        for task, written in zip(wanted, answers, strict=True):
            samples.append(f"{name} | {task.brief.tone} | {task.brief.prompt} | {', '.join(task.brief.keywords)}")
            samples.append(f"{written.text}\n{judge(task, written, vocabulary())}\n")
    await engine.close()
    if args.samples:
        args.samples.write_text("\n".join(samples))
    missed = [f"{name} {part}" for name in ("free", "in_form") for part, bar in BARS.items() if out[name][part] < bar]
    return {
        **out,
        "bars": BARS,
        "below_bar": missed,
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine(torch.device("cpu"), torch.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/starter/weights/starter-copy")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=Path, help="write the answers and their verdicts as text")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(json.dumps(asyncio.run(measure(args)), indent=2))


if __name__ == "__main__":
    main()
