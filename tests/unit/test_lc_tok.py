"""The literature's text and BLEU of Multi30k, against what the scripts of Moses print."""

import re

import pytest
from sacrebleu.metrics import BLEU

from attention_core.translation.evaluation import bleu, scores
from attention_core.translation.lc_tok import lc_tok, lc_tok_bleu, lc_tok_signature

# The right side is the output of lowercase.perl | normalize-punctuation.perl -l | tokenizer.perl -l
PERL = [
    ("de", "Ein „roter“ Hund.", "ein &quot; roter &quot; hund ."),
    ("de", 'Er sagt "ja."', "er sagt &quot; ja &quot; ."),
    ("de", "T-Shirt, 3:1 (rot)", "t-shirt , 3 : 1 ( rot )"),
    ("de", "50 % & mehr", "50 % &amp; mehr"),
    ("de", "Eine A.B.C.-Party z. B. hier", "eine a.b.c.-party z. b. hier"),
    ("de", "L’homme d'à côté", "l &apos; homme d &apos; à côté"),
    ("fr", "L’homme d'à côté", "l&apos; homme d&apos; à côté"),
    ("fr", "Il dit : « Viens ! »", "il dit : &quot; viens ! &quot;"),
    ("fr", "Un panneau «Stop», rouge.", "un panneau &quot; stop &quot; , rouge ."),
    ("fr", "d’œil", "d &quot; œil"),
    ("cs", "Muž v „červené“ čepici – venku…", "muž v &quot; červené &quot; čepici - venku ..."),
    ("cs", 'Er sagt "ja."', "er sagt &quot; ja . &quot;"),
    ("cs", "Dr. Novák, ul. č. 5", "dr. novák , ul. č. 5"),
    ("fr", "Dr. Novák, ul. č. 5", "dr. novák , ul. č . 5"),
]


HUND = 'ein hund mit "Hut" läuft am Strand.'


@pytest.mark.parametrize(("language", "text", "printed"), PERL)
def test_text_is_split_as_moses_splits_it(language, text, printed):
    assert lc_tok(text, language) == printed


def test_bleu_is_that_of_the_tokens_worked_by_hand():
    # Of ten tokens the last differs: ein hund mit &quot; hut &quot; läuft am strand .
    found = lc_tok_bleu(["Ein Hund mit „Hut“ läuft am Strand!"], [[HUND]], "de")
    assert found == pytest.approx(100 * (9 / 10 * 8 / 9 * 7 / 8 * 6 / 7) ** 0.25)


def test_case_quotes_and_spaces_before_punctuation_make_no_difference():
    one, other = "Il porte un « chapeau » rouge : voilà .", 'il porte un "Chapeau" rouge: voilà.'
    assert lc_tok_bleu([one], [[other]], "fr") == pytest.approx(100)
    assert scores([one], [[other]], "fr")["bleu"] < 60


def test_nothing_is_smoothed():
    hypothesis, reference = "Ein Hund rennt am Strand.", "Ein Hund läuft am Strand."
    assert lc_tok_bleu([hypothesis], [[reference]], "de") == 0  # no four words are the same


def test_a_missing_reference_is_left_out():
    hypotheses = ["Ein Hund läuft am Strand.", "Eine Katze schläft im Schnee."]
    streams = [["Ein Hund rennt am Strand.", hypotheses[1]], [hypotheses[0], None]]
    assert lc_tok_bleu(hypotheses, streams, "de") == pytest.approx(100)


def test_the_signature_says_what_was_done():
    signature = lc_tok_signature()
    assert "case:lc|" in signature and "tok:none|smooth:none" in signature
    assert "|text:lc.norm.tok|sacremoses:" in signature


def test_the_interval_is_that_of_sacrebleu():
    references = [f"Ein Hund läuft am Strand {n} mal im Kreis." for n in range(40)]
    hypotheses = [text.replace("läuft", "rennt") for text in references[:20]] + references[20:]
    found = scores(hypotheses, [references], "de")
    low, high = found["interval"]
    assert low < found["bleu"] < high
    told = str(BLEU().corpus_score(hypotheses, [references], n_bootstrap=1000))
    mean, reach = (float(number) for number in re.findall(r"μ = (.+) ± (.+?)\)", told)[0])
    assert [low, high] == pytest.approx([mean - reach, mean + reach], abs=0.011)
    assert "bs:1000|seed:12345" in found["signature"]


def test_texts_of_a_word_or_two_can_be_right() -> None:
    texts = ["der Hund", "die Katze", "Haus"]
    assert bleu(texts, texts, "de") == pytest.approx(100)
    assert 0 < bleu(["der Hund", "die Kuh", "Haus"], texts, "de") < 100
    assert bleu(["犬が走る。"], ["犬が走る。"], "jpn") == pytest.approx(100)
