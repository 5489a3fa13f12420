from attention_core.errors import UserError, nearest


def test_nearest_guesses_a_close_name_and_lists_all_in_order():
    assert nearest("frr", ["fr", "de"]) == " Did you mean 'fr'? Known: de, fr."


def test_nearest_looks_past_case():
    assert nearest("BAHDANAU", ["Bahdanau", "luong"]).startswith(" Did you mean 'Bahdanau'?")


def test_nearest_guesses_nothing_far_away():
    assert nearest("swahili", ["de", "fr"]) == " Known: de, fr."


def test_nearest_of_nothing_says_nothing():
    assert nearest("de", []) == ""


def test_user_error_is_a_value_error_with_its_message_alone():
    assert isinstance(UserError("no"), ValueError)
    assert str(UserError("no")) == "no"
