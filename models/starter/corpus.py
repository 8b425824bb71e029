"""The starter copy model's corpus: conversations made by a seeded grammar.

Most are the copy task of `gitex.copywriting`; the rest are short plain chat turns.
"""

import random
import string
from dataclasses import dataclass

from gitex.copywriting import TONES, CopyBrief, CopyText, Tone, brief_messages
from gitex.specs import Message
from models.starter.lexicon import entries, lexicon_words
from models.starter.made_up import made_up_word
from models.starter.phrases import Voice, voices, words
from models.starter.scene_grammar import random_scene
from models.starter.scenes import Scene, capitalised, joined

CHAT_SHARE = 0.06
ROOM = {"titles": 52, "taglines": 80}
"""Characters of a part: a longer one may not fit into the tokens that the copy form gives it."""
MAX_TAGS = 8
_JOINTS = "a an and of with for from to it is as after before during up out into style background picture"
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
    """The grammar's own copy: every part in the brief's tone, the scene and the keywords in the description."""
    voice, slots = voices()[brief.tone], _slots(scene, brief.keywords)
    closings = voice.keyword_closings if brief.keywords else voice.closings
    return CopyText(
        title=_fill(voice.titles, slots, rng, ROOM["titles"]),
        tagline=_fill(voice.taglines, slots, rng, ROOM["taglines"]),
        description=f"{_fill(voice.openings, slots, rng)} {_fill(closings, slots, rng)}",
        hashtags=_hashtags(scene, brief.keywords, rng.sample(voice.tags, 2)),
    )


def spoken_words() -> frozenset[str]:
    """The words that copy has whatever it is about, in lower case: all others come from the brief."""
    said = [word for voice in voices().values() for word in voice.words()]
    return frozenset((*said, *words("title tagline description hashtags a an and on under with")))


def vocabulary() -> frozenset[str]:
    """Every real word that an answer may have, in lower case: the phrases' and the lexicon's, none that is made up."""
    chat = (word for _, answers in _PLAIN_TURNS for answer in answers for word in words(answer))
    return spoken_words() | lexicon_words() | frozenset((*chat, *words("background sky sun stars sea trees hills")))


def copied_words() -> frozenset[str]:
    """The words that prompts have, and the tags; little ones like `of` and `behind` are not among them."""
    tags = [tag for voice in voices().values() for tag in voice.tags]
    dressing = (*entries("openers"), *entries("extras"))
    said = [word for text in (*tags, *dressing) for word in words(text)]
    return frozenset((*lexicon_words(), *said)) - frozenset(words(" ".join(_little())))


def _little() -> tuple[str, ...]:
    return (*entries("betweens"), *entries("owners"), *entries("counts"), _JOINTS)


def set_phrases() -> list[str]:
    """What the corpus says in the same words again and again, without what fills the slots."""
    turns = [text for questions, answers in _PLAIN_TURNS for text in (*questions, *answers)]
    asked = [question.replace("{whole}", "") for questions, _ in _ASKED for question in questions]
    task = [message.content for tone in TONES for message in brief_messages(CopyBrief("a", ("b",), tone))]
    labels = ["Title:", "Tagline:", "Description:", "Hashtags:"]
    spoken = [f" {text}" for text in (*(text for voice in voices().values() for text in voice.texts()), *_little())]
    return [*spoken, *turns, *asked, *_SYSTEM, *task, *labels]


def _chat(rng: random.Random) -> Conversation:
    system = (Message("system", rng.choice(_SYSTEM)),) if rng.random() < 0.4 else ()
    if rng.random() < 0.4:
        questions, answers = rng.choice(_PLAIN_TURNS)
        return Conversation((*system, Message("user", rng.choice(questions))), rng.choice(answers))
    scene, (questions, part) = random_scene(rng), rng.choice(_ASKED)
    question = rng.choice(questions).format(whole=scene.whole)
    answer = _fill(_part(voices()["neutral"], part), _slots(scene, ()), rng, ROOM.get(part, 200))
    return Conversation((*system, Message("user", question)), answer, scene)


def _part(voice: Voice, name: str) -> tuple[str, ...]:
    return {"titles": voice.titles, "taglines": voice.taglines, "openings": voice.openings}[name]


def _slots(scene: Scene, keywords: tuple[str, ...]) -> dict[str, str]:
    return {
        "subject": scene.subject,
        "Subject": capitalised(scene.subject),
        "one": scene.one,
        "noun": scene.noun,
        "Noun": capitalised(scene.noun),
        "colour": scene.colour,
        "Colour": capitalised(scene.colour),
        "whole": scene.told,
        "Whole": scene.told[0].upper() + scene.told[1:],
        "where": scene.where,
        "Where": capitalised(scene.where),
        "style": scene.style,
        "Style": capitalised(scene.style),
        "keyword": keywords[0] if keywords else "",
        "keywords": joined(keywords) if len(keywords) > 1 else "",
    }


def _fill(phrases: tuple[str, ...], slots: dict[str, str], rng: random.Random, room: int = 200) -> str:
    """One of the phrases all of whose slots have a value, and that fit. More than one keyword is never left out."""
    usable = [phrase for phrase in phrases if all(slots[name] for name in _fields(phrase))]
    if slots["keywords"]:
        usable = [phrase for phrase in usable if "{keywords}" in phrase] or [
            phrase.replace("{keyword}", "{keywords}") for phrase in usable
        ]
    filled = [phrase.format(**slots) for phrase in usable]
    return rng.choice([text for text in filled if len(text) <= room] or [min(filled, key=len)])


def _fields(phrase: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(phrase) if name]


def _hashtags(scene: Scene, keywords: tuple[str, ...], mood: list[str]) -> tuple[str, ...]:
    """The words of the subject, the style and the keywords that say something, one a tag, and the mood.

    A tag has no hyphen.
    """
    said = (scene.noun, scene.colour, scene.style, *keywords)
    telling = [word for text in said for word in text.split() if len(word) > 2 and word.isalnum() and word != "and"]
    return tuple(f"#{word}" for word in dict.fromkeys((*telling[: MAX_TAGS - len(mood)], *mood)))


def _keyword(rng: random.Random) -> str:
    """Mostly a known word; sometimes two, or a made-up one, so that copying is learnt and not only recall."""
    kind, known = rng.random(), entries("keywords")
    if kind < 0.2:
        return made_up_word(rng)
    return f"{rng.choice(known)} {rng.choice(known)}" if kind < 0.27 else rng.choice(known)
