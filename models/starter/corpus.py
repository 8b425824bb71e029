"""The starter copy model's corpus: conversations made by a seeded grammar.

Most are the copy task of `gitex.copywriting`; the rest are short plain chat turns.
"""

import random
import string
from dataclasses import dataclass

from gitex.copywriting import TONES, CopyBrief, CopyText, Tone, brief_messages
from gitex.specs import Message
from models.starter import scenes
from models.starter.phrases import Voice, voices, words
from models.starter.scenes import KEYWORDS, Scene, joined, made_up_word, random_scene, with_article

CHAT_SHARE = 0.08
_GREETING = ("Hello", "Hi", "Hey", "Good morning", "Good evening", "hello there", "hi!")
_NEED = "Tell me what your picture shows and I will write words for it."
_PLAIN_TURNS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (_GREETING, (f"Hello! {_NEED}", f"Hi! {_NEED}")),
    (
        ("Who are you?", "What are you?", "What is your name?", "Are you a robot?", "who is this"),
        ("I am the starter copy model of Gitex. I write short copy for pictures.",),
    ),
    (
        ("What can you do?", "How can you help me?", "Help", "help me please", "What do you do?"),
        (f"I write titles, taglines, descriptions and hashtags. {_NEED}",),
    ),
    (("Thanks", "Thank you!", "thanks a lot", "Great, thank you"), ("You are welcome!", "My pleasure!")),
    (("Bye", "Goodbye", "See you", "good night"), ("Goodbye! Come back with a new picture.",)),
    (("How are you?", "How is it going?", "how are you doing today"), (f"I am well, thank you. {_NEED}",)),
    (
        ("What is the weather?", "Who won the game?", "What is two plus two?", "Tell me a secret", "Write some code"),
        (f"I am a small model and only know about pictures. {_NEED}",),
    ),
)
_ASKED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Write a title for {whole}", "Give me a title for {whole}.", "title for {whole}"), "titles"),
    (("Write a tagline for {whole}", "Suggest a slogan for {whole}.", "tagline for {whole}"), "taglines"),
    (("Describe {whole}", "Write a sentence about {whole}.", "Tell me about {whole}"), "openings"),
)
_SYSTEM = ("You are a helpful assistant.", "You write copy for pictures.", "Be brief.")


@dataclass(frozen=True)
class Conversation:
    """What is asked, and the answer to learn. `scene` is what it is about, if it is about one."""

    messages: tuple[Message, ...]
    answer: str
    scene: Scene | None = None


def conversations(count: int, seed: int) -> list[Conversation]:
    """`count` conversations; the same seed gives the same ones."""
    rng = random.Random(seed)
    return [_chat(rng) if rng.random() < CHAT_SHARE else copy_example(rng) for _ in range(count)]


def copy_example(rng: random.Random) -> Conversation:
    """A brief for a random scene, and its copy."""
    scene = random_scene(rng)
    brief = random_brief(scene, rng.choice(TONES), rng)
    return Conversation(brief_messages(brief), str(write_copy(scene, brief, rng)), scene)


def random_brief(scene: Scene, tone: Tone, rng: random.Random) -> CopyBrief:
    """One of the ways to ask for `scene`, with up to three keywords."""
    keywords = tuple(_keyword(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3))))
    return CopyBrief(scene.prompt(rng), tuple(dict.fromkeys(keywords)), tone)


def write_copy(scene: Scene, brief: CopyBrief, rng: random.Random) -> CopyText:
    """The grammar's own copy: every part in the brief's tone, the whole scene and the keywords in the description."""
    voice, slots = voices()[brief.tone], _slots(scene, brief.keywords)
    closings = voice.keyword_closings if brief.keywords else voice.closings
    return CopyText(
        title=_fill(voice.titles, slots, rng),
        tagline=_fill(voice.taglines, slots, rng),
        description=f"{_fill(voice.openings, slots, rng)} {_fill(closings, slots, rng)}",
        hashtags=_hashtags(scene, brief.keywords, rng.sample(voice.tags, 2)),
    )


def vocabulary() -> frozenset[str]:
    """Every real word that an answer may have, in lower case: the phrases' and the scenes', none that is made up."""
    said = [word for voice in voices().values() for word in voice.words()]
    said += [word for _, answers in _PLAIN_TURNS for answer in answers for word in words(answer)]
    lists = (
        value for name, value in vars(scenes).items() if name[0] != "_" and name.isupper() and isinstance(value, tuple)
    )
    seen = [word for value in lists for entry in value for word in words(entry)]
    labels = words("title tagline description hashtags")
    joints = words("a an the on under with and in by near above of wearing holding background sky sun stars")
    return frozenset((*said, *seen, *labels, *joints))


def _chat(rng: random.Random) -> Conversation:
    system = (Message("system", rng.choice(_SYSTEM)),) if rng.random() < 0.4 else ()
    if rng.random() < 0.4:
        questions, answers = rng.choice(_PLAIN_TURNS)
        return Conversation((*system, Message("user", rng.choice(questions))), rng.choice(answers))
    scene, (questions, part) = random_scene(rng), rng.choice(_ASKED)
    question = rng.choice(questions).format(whole=scene.whole)
    answer = _fill(_part(voices()["neutral"], part), _slots(scene, ()), rng)
    return Conversation((*system, Message("user", question)), answer, scene)


def _part(voice: Voice, name: str) -> tuple[str, ...]:
    return {"titles": voice.titles, "taglines": voice.taglines, "openings": voice.openings}[name]


def _slots(scene: Scene, keywords: tuple[str, ...]) -> dict[str, str]:
    return {
        "subject": scene.subject,
        "Subject": scene.subject.title(),
        "one": with_article(scene.subject),
        "noun": scene.noun,
        "Noun": scene.noun.title(),
        "colour": scene.colour,
        "Colour": scene.colour.title(),
        "whole": scene.whole,
        "Whole": scene.whole[0].upper() + scene.whole[1:],
        "where": scene.where,
        "Where": scene.where.title(),
        "style": scene.style,
        "Style": scene.style.title(),
        "keyword": keywords[0] if keywords else "",
        "keywords": joined(keywords) if len(keywords) > 1 else "",
    }


def _fill(phrases: tuple[str, ...], slots: dict[str, str], rng: random.Random) -> str:
    """One of the phrases all of whose slots have a value. More than one keyword is never left out."""
    usable = [phrase for phrase in phrases if all(slots[name] for name in _fields(phrase))]
    if slots["keywords"]:
        usable = [phrase for phrase in usable if "{keywords}" in phrase] or [
            phrase.replace("{keyword}", "{keywords}") for phrase in usable
        ]
    return rng.choice(usable).format(**slots)


def _fields(phrase: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(phrase) if name]


def _hashtags(scene: Scene, keywords: tuple[str, ...], mood: list[str]) -> tuple[str, ...]:
    said = (scene.noun, scene.colour, scene.style, *keywords, *mood)
    return tuple(dict.fromkeys(f"#{word.replace(' ', '')}" for word in said if word))


def _keyword(rng: random.Random) -> str:
    """Mostly a known word; sometimes two, or a made-up one, so that copying is learnt and not only recall."""
    kind = rng.random()
    if kind < 0.15:
        return made_up_word(rng)
    return f"{rng.choice(KEYWORDS)} {rng.choice(KEYWORDS)}" if kind < 0.22 else rng.choice(KEYWORDS)
