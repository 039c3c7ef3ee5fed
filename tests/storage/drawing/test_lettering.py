"""Captions in any script: every letter has ink of its own, in reading order, and stays on its card."""

import hashlib

import numpy as np
import pytest

from storage.drawing.cards import CARD, PAD, caption_height, caption_lines, draw_card
from storage.drawing.lettering import REPLACEMENT, SMALL, line_height, paint, text_mask, text_width, wrapped
from storage.drawing.reading_order import drawing_order, joined_arabic

SCRIPTS = {
    "Latin": "höflich grüßend Ångström Čeština ạẹ Þórður",
    "Greek": "Ελληνικά βίντεο ἀρχή",
    "Cyrillic": "Кириллица ёлка їжак",
    "Arabic": "مرحبا بالعالم پچگ",
    "Hebrew": "שלום עולם",
    "Hindi": "हिन्दी नमस्ते",
    "Thai": "สวัสดี น้ำใจ",
    "Chinese": "你好世界歡迎",
    "Japanese": "日本語ひらがなカタカナ",
    "Korean": "한국어안녕하세요",
    "Georgian": "ქართული",
    "Armenian": "Հայերեն",
    "Amharic": "አማርኛ",
    "Tamil": "தமிழ்",
    "emoji": "😀🎬👍🏽❤",
}


def ink(text, size=SMALL):
    return text_mask(text, size).tobytes()


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_letter_of_a_script_is_drawn(script):
    boxes = {ink(REPLACEMENT), ink("\ufffe"), ink("\U000effff")}
    for letter in SCRIPTS[script].replace(" ", ""):
        assert ink(letter) not in boxes, letter
        assert text_mask("x" + letter).max() > 100
    letters = dict.fromkeys(SCRIPTS[script].replace(" ", ""))
    assert len({ink("x" + letter) for letter in letters}) == len(letters), "each has a form of its own"


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("width", [40, 192])
def test_a_caption_stays_on_its_card(script, width):
    caption = f"{SCRIPTS[script] * 3}.mp4\n{SCRIPTS[script]}: 0.5, " * 2
    lines = caption_lines(caption, width)
    assert all(text_width(line.text) <= width - 2 * PAD for line in lines)
    below = caption_height([lines])
    screen = np.zeros((below + 60, width + 40, 3), np.uint8)
    draw_card(screen[20 : 40 + below, 20 : 20 + width], None, lines, below)
    card = screen[20 : 40 + below, 20 : 20 + width].copy()
    screen[20 : 40 + below, 20 : 20 + width] = 0
    assert screen.max() == 0
    written = (card != CARD).any(axis=2)
    assert written[20 + PAD :].any()
    assert not written[: 20 + PAD].any()
    assert not written[:, :PAD].any()
    assert not written[:, width - PAD :].any()


def test_control_characters_and_halves_of_characters_are_shown_as_such():
    for bad in ("\x00", "\x1b", "\r", "\t", "\x7f", "\u202e", "\u2028", "\ud800", "\udc80", "\ufeff"):
        assert ink(f"a{bad}b") == ink(f"a{REPLACEMENT}b")
    assert ink("a\U000effff") == ink("a" + REPLACEMENT), "what no font has"
    assert ink("👩\u200d👧 ❤\ufe0f") == ink("👩👧 ❤"), "what only joins or colours others takes no room"


def test_a_letter_and_its_accent_are_one_however_they_are_stored():
    assert ink("e\u0301a\u0308") == ink("\u00e9\u00e4")
    assert text_mask("x" + "\u0301" * 500).shape == text_mask("x").shape
    assert text_mask("\u0301").max() >= 0


def test_letters_are_smoothed():
    greys = np.unique(text_mask("sharpness"))
    assert len(greys) > 20


def test_upper_and_lower_case_differ():
    assert ink("Name") != ink("NAME")
    assert text_width("iii") < text_width("WWW")


def test_the_same_pixels_everywhere():
    """No font and no layout library of the system has a say in it. Pillow's FreeType does: after an upgrade
    look at a sheet, and write down what it is now."""
    text = "höflich grüßend 你好 שלום مرحبا 😀.mp4"
    assert hashlib.sha256(ink(text)).hexdigest()[:16] == "bf4002c158e6e345"


def test_right_to_left_is_turned_round_and_numbers_in_it_are_not():
    def drawn(text):
        return "".join(drawing_order(list(text)))

    assert drawn("abc 1.5 (x)") == "abc 1.5 (x)"
    assert drawn("אבג.mp4") == "גבא.mp4"
    assert drawn("a אבג דהו b") == "a והד גבא b"
    assert drawn("אב 12.5 גד") == "דג 12.5 בא"
    assert drawn("אב (ג) ד") == "ד (ג) בא"
    assert drawn("אב 7") == "7 בא"
    assert drawn("אב, x: 2") == "בא, x: 2"
    assert drawn("") == ""


def test_marks_stay_on_their_letter_when_it_is_turned_round():
    assert drawing_order(["ש\u05c1", "ל"]) == ["ל", "ש\u05c1"]


def test_arabic_letters_are_joined():
    assert joined_arabic("ببب ب") == "\ufe91\ufe92\ufe90 \ufe8f"
    assert joined_arabic("دب") == "\ufea9\ufe8f", "dal joins nothing after it"
    assert joined_arabic("لا") == "\ufefb"
    assert joined_arabic("بلا") == "\ufe91\ufefc"
    assert joined_arabic("بَب") == "\ufe91\u064e\ufe90", "over a vowel sign"
    assert joined_arabic("ب\u200cب") == "\ufe8f\u200c\ufe8f", "unless they are kept apart"
    assert joined_arabic("plain") == "plain"


def test_lines_break_between_words_and_only_long_words_are_broken():
    width = text_width("three words and")
    assert list(wrapped("three words and more", width)) == ["three words and", "more"]
    broken = list(wrapped("x " + "y" * 60, width))
    assert broken[0].startswith("x y")
    assert "".join(broken) == "x " + "y" * 60
    assert list(wrapped("", width)) == [""]
    assert list(wrapped("ab", 1)) == ["a", "b"]


def test_what_does_not_fit_is_left_out():
    area = np.zeros((5, 7, 3), np.uint8)
    paint(area, text_mask("████"), (250, 100, 10))
    assert area.max(axis=(0, 1)).tolist() == [250, 100, 10]
    paint(area[:0], text_mask("a"), (1, 2, 3))
    assert line_height() >= 16
