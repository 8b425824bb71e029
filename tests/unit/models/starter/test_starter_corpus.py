"""The starter copy corpus: what the model is taught is what the copy task asks for."""

import random

from gitex.copywriting import TONES, CopyBrief, brief_messages, parse_copy
from models.starter.copywriting import NO_LOSS, Recipe, batch_of, encode, prompt_ids
from models.starter.corpus import conversations, copy_example, spoken_words, vocabulary
from models.starter.made_up import made_up_word
from models.starter.phrases import markers, tone_of, voices, words
from models.starter.scene_grammar import random_scene
from models.starter.scenes import TOLD, Scene, capitalised
from models.starter.tokenizers import CHAT_PAD, train_chat_tokenizer


def test_the_same_seed_gives_the_same_conversations() -> None:
    assert conversations(50, 1) == conversations(50, 1) != conversations(50, 2)


def test_every_copy_answer_parses_and_holds_its_subject_and_keywords() -> None:
    rng = random.Random(5)
    for _ in range(300):
        example = copy_example(rng)
        copy = parse_copy(example.answer)
        assert str(copy) == example.answer
        assert example.scene is not None
        told = example.scene.told
        assert told in copy.description or told[0].upper() + told[1:] in copy.description
        assert example.scene.subject in f"{copy.tagline} {copy.description}".lower() or example.scene.subject in told
        request = example.messages[1].content
        for keyword in request.partition("\nKeywords: ")[2].split(", "):
            assert keyword in copy.description
        assert all(tag[1:].isalnum() for tag in copy.hashtags)


def test_every_answers_tone_is_known_by_its_markers() -> None:
    rng = random.Random(6)
    for _ in range(300):
        system, brief = (example := copy_example(rng)).messages
        assert f"Tone: {tone_of(example.answer, brief.content)}." in system.content


def test_a_tone_is_not_guessed() -> None:
    assert tone_of("Title: A Red Star") is None
    bold, poetic = (sorted(markers()[tone])[0] for tone in ("bold", "poetic"))
    assert tone_of(f"{bold} {poetic}") is None
    assert tone_of(f"{bold} {poetic}", ignoring=bold) == "poetic"
    assert not set.intersection(*(set(marks) for marks in markers().values()))


def test_every_answer_is_made_of_known_words_and_those_of_its_prompt() -> None:
    known, rng = spoken_words(), random.Random(7)
    assert known < vocabulary()
    assert not any(len(word) == 1 for word in known - {"a", "i"})
    for _ in range(1000):
        example = copy_example(rng)
        assert set(words(example.answer)) <= known | set(words(example.messages[1].content))


def test_every_tone_has_a_phrase_for_the_barest_scene() -> None:
    bare = Scene("star")
    assert bare.whole == "a star"
    assert set(voices()) == set(TONES)
    rare = ("{colour}", "{Colour}", "{style}", "{Style}", "{where}", "{Where}")
    for voice in voices().values():
        for phrases in (voice.titles, voice.taglines, voice.openings):
            assert any(not any(slot in phrase for slot in rare) for phrase in phrases)


def test_scenes_read_well() -> None:
    assert Scene("owl", after=("at dawn",)).whole == "an owl at dawn"
    assert Scene("mountains", "orange", determiner="").whole == "orange mountains"
    assert Scene("star", "orange", "small").whole == "a small orange star"
    assert Scene("cats", after=("and a piano",), determiner="two").whole == "two cats and a piano"
    assert Scene("bakery", "old", after=("in Lisbon",), determiner="my aunt's").one == "my aunt's old bakery"
    assert all("  " not in random_scene(random.Random(i)).prompt(random.Random(i)) for i in range(200))


def test_copy_tells_of_a_long_scene_what_it_has_room_for() -> None:
    scene = Scene("fox", after=("dancing with a very old friend", "on the roof of a museum", "in the heavy rain"))
    assert scene.told == "a fox dancing with a very old friend on the roof of a museum"
    assert len(scene.told) < TOLD < len(scene.whole)
    assert Scene("x" * 80, after=("at dawn",)).told == f"a {'x' * 80}"


def test_titles_have_capitals_where_titles_have_them() -> None:
    assert capitalised("in front of a tuk-tuk") == "In Front of a Tuk-tuk"
    assert capitalised("my grandmother's T-shirt") == "My Grandmother's T-shirt"
    assert capitalised("") == ""


def test_people_ask_in_many_ways() -> None:
    scene = Scene("bee", "old", after=("on a rose",), style="comic")
    asked = {scene.prompt(random.Random(i)).lower().rstrip(".!").partition(", ")[0] for i in range(300)}
    assert {"an old bee on a rose", "old bee on a rose", "a comic of an old bee on a rose"} <= asked
    assert {"portrait of an old bee on a rose", "an old bee on a rose in the style of comic"} <= asked


def test_made_up_words_are_new_and_many() -> None:
    rng = random.Random(8)
    made = {made_up_word(rng) for _ in range(2_000)}
    assert len(made) > 1_800
    assert len(made - vocabulary()) > 1_900


def test_only_the_answer_carries_loss() -> None:
    corpus = conversations(40, 3)
    tokenizer = train_chat_tokenizer((c.answer for c in corpus), 400, 256)
    examples = encode(tokenizer, corpus)
    assert [ids[:n] for ids, n in examples] == [prompt_ids(tokenizer, c.messages) for c in corpus]
    pad = tokenizer.convert_tokens_to_ids(CHAT_PAD)
    ids, targets = batch_of(0, examples, Recipe(batch=8), pad, [])
    for row, target in zip(ids.tolist(), targets.tolist(), strict=True):
        wanted = [token for token in target if token != NO_LOSS]
        text = tokenizer.decode(row)
        assert text.startswith(("<|system|>", "<|user|>"))
        assert text.removesuffix(CHAT_PAD * row.count(pad)).endswith("<|assistant|>" + tokenizer.decode(wanted))
        assert wanted[-1] == tokenizer.eos_token_id


def test_the_chat_tokenizer_takes_any_text_back() -> None:
    tokenizer = train_chat_tokenizer(["a red star"], 300, 256)
    odd = "Ünïcödé 🙂\n\ttabs  and   spaces 日本"
    assert tokenizer.decode(tokenizer(odd).input_ids) == odd
    turns = [
        {"role": m.role, "content": m.content} for m in brief_messages(CopyBrief("a red star", ("night",), "bold"))
    ]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert rendered.startswith("<|system|>Write copy")
    assert rendered.endswith("<|end|><|assistant|>")
