"""Phrases of the starter copy corpus, tone by tone.

Slots: `{subject}` red star, `{Subject}` Red Star, `{Noun}` Star, `{colour}` red, `{whole}` a small red star on a blue
background, `{Whole}` the same with a capital, `{style}` pixel, `{keyword}` the first keyword. A phrase is only used
when none of its slots is empty.
"""

from dataclasses import dataclass

from gitex.copywriting import Tone


@dataclass(frozen=True)
class Voice:
    """How one tone speaks."""

    titles: tuple[str, ...]
    taglines: tuple[str, ...]
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    keyword_closings: tuple[str, ...]
    tags: tuple[str, ...]


VOICES: dict[Tone, Voice] = {
    "neutral": Voice(
        titles=(
            "{Subject}",
            "The {Subject}",
            "{Noun} Study",
            "{Subject}, Simply",
            "One {Subject}",
            "{Noun} in {Colour}",
        ),
        taglines=(
            "A clear view of the {subject}.",
            "The {subject}, as it is.",
            "Simple form, clear colour.",
            "One {subject}, nothing more.",
            "A plain look at the {subject}.",
            "Made in {style} style.",
        ),
        openings=(
            "{Whole}, drawn in {style} style.",
            "This picture shows {whole}.",
            "{Whole}, kept simple.",
            "The picture shows {whole} in {style} style.",
            "Here is {whole}.",
        ),
        closings=(
            "It works well as a print or a card.",
            "The shapes are clean and the colours are even.",
            "It suits a wall, a page or a screen.",
            "The layout is balanced and easy to read.",
            "A good fit for everyday use.",
        ),
        keyword_closings=(
            "It fits well with {keyword}.",
            "Made with {keyword} in mind.",
            "A good choice for {keyword}.",
            "It goes with {keywords}.",
        ),
        tags=("art", "picture", "design", "print", "simple"),
    ),
    "playful": Voice(
        titles=(
            "Hello, {Noun}!",
            "Oh My, {Subject}!",
            "{Noun} Party",
            "Hooray for {Noun}!",
            "Peekaboo {Noun}",
            "{Subject} Says Hi",
        ),
        taglines=(
            "Say hi to the {subject}!",
            "More fun than a box of crayons!",
            "Catch the {subject} if you can!",
            "Warning: may cause smiles!",
            "The {subject} wants to play!",
            "Tickled {colour} and loving it!",
        ),
        openings=(
            "Look who popped in: {whole}!",
            "Meet {whole}, your new best friend!",
            "Boing! It's {whole}!",
            "Guess what? It's {whole}, all in {style} style!",
            "Surprise! Here comes {whole}!",
        ),
        closings=(
            "Hang it up and giggle every day.",
            "Bring it home before it bounces away!",
            "Best served with cookies and silly hats.",
            "It winks when nobody looks.",
            "No batteries needed, just a grin.",
        ),
        keyword_closings=(
            "Perfect for {keyword} and silly hats!",
            "Did someone say {keyword}? Yes please!",
            "Add a pinch of {keyword} and giggle!",
            "It simply loves {keywords}!",
        ),
        tags=("fun", "smile", "happy", "playful", "yay"),
    ),
    "formal": Voice(
        titles=(
            "Composition with {Subject}",
            "The {Subject}: A Study",
            "{Subject}, Considered",
            "On the {Noun}",
            "Presenting the {Subject}",
            "Portrait of the {Noun}",
        ),
        taglines=(
            "A considered study of the {subject}.",
            "An exercise in balance and restraint.",
            "The {subject}, presented with care.",
            "Composed in {style} manner.",
            "Precision in form and colour.",
            "A refined treatment of the {subject}.",
        ),
        openings=(
            "We are pleased to present {whole}.",
            "This work presents {whole}, executed in {style} style.",
            "The present composition depicts {whole}.",
            "The artist offers {whole} for consideration.",
            "This edition features {whole}.",
        ),
        closings=(
            "It is suited to discerning collections.",
            "Its proportions reflect careful judgement.",
            "We trust that it will merit attention.",
            "It is offered for exhibition and acquisition.",
            "The treatment of colour is deliberate.",
        ),
        keyword_closings=(
            "It is intended for the context of {keyword}.",
            "It is recommended for {keyword}.",
            "The work addresses the theme of {keyword}.",
            "Its themes include {keywords}.",
        ),
        tags=("fineart", "collection", "composition", "exhibition", "edition"),
    ),
    "poetic": Voice(
        titles=(
            "Whisper of the {Noun}",
            "Song of the {Subject}",
            "Where the {Noun} Sleeps",
            "A Dream of {Noun}",
            "{Colour} Silence",
            "The {Noun} Remembers",
        ),
        taglines=(
            "The {subject} hums a quiet song.",
            "Where {colour} light learns to dream.",
            "Soft as breath, the {subject}.",
            "A hush, a glow, a {subject}.",
            "Between two heartbeats, a {subject}.",
            "Silence, painted {colour}.",
        ),
        openings=(
            "In the hush of evening, {whole}.",
            "Like a half-remembered dream: {whole}.",
            "Softly, slowly, {whole}.",
            "The silence opens into {whole}.",
            "Out of the dark, {whole} in {style} verse.",
        ),
        closings=(
            "Let it linger like the last light of day.",
            "Time leans in to listen.",
            "The heart knows the rest.",
            "It drifts where words cannot follow.",
            "Somewhere, the tide answers.",
        ),
        keyword_closings=(
            "It carries {keyword} on the wind.",
            "It whispers of {keyword}.",
            "And within it, {keyword}, like rain on glass.",
            "A murmur of {keywords}.",
        ),
        tags=("poetry", "dream", "quiet", "longing", "light"),
    ),
    "bold": Voice(
        titles=(
            "{Subject} Unleashed",
            "All Hail the {Noun}",
            "{Noun} Rising",
            "Pure {Subject} Power",
            "Go {Colour} or Go Home",
            "Dare the {Noun}",
        ),
        taglines=(
            "Own the {subject}. Own the room.",
            "No limits. Just {colour}.",
            "Big. Loud. {Subject}.",
            "The {subject} that breaks the rules.",
            "Stop scrolling. Start staring.",
            "Fear nothing. Choose {colour}.",
        ),
        openings=(
            "Make way for {whole}.",
            "Behold {whole}. No apologies.",
            "{Whole}. Raw {style} power.",
            "Nothing hits harder than {whole}.",
            "This is {whole}, turned all the way up.",
        ),
        closings=(
            "Put it up and watch the room change.",
            "Take it now or regret it forever.",
            "Play it safe somewhere else.",
            "It does not ask for your attention. It takes it.",
            "Built to be seen from across the street.",
        ),
        keyword_closings=(
            "This is what {keyword} looks like.",
            "Bring on {keyword}. Bring it now.",
            "Made to own {keyword}.",
            "It rules {keywords}.",
        ),
        tags=("bold", "power", "fearless", "statement", "now"),
    ),
}
