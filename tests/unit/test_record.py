"""The log and the curves of a run."""

import json
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attention_core.training.record import Record


def entry(update, **more):
    return {"update": update, "epoch": 1, "train_loss": 1 / update, **more}


def lines(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def curve(out, name):
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    return [(point.step, round(point.value, 4)) for point in events.Scalars(name)]


def begun(out, update=0, validations=0, tensorboard=True):
    return Record(out, update=update, validations=validations, tensorboard=tensorboard)


def resumed(out, update, validations):
    """A record that goes on; TensorBoard orders its files by the second they begin in."""
    time.sleep(1 - time.time() % 1)
    return begun(out, update, validations)


def test_every_validation_is_a_line(tmp_path):
    record = begun(tmp_path, tensorboard=False)
    told = record.add(entry(5, bleu=12.3456789))
    record.add(entry(10, bleu=13.0))
    assert lines(tmp_path) == [entry(5, bleu=12.3456789), entry(10, bleu=13.0)]
    assert told == "update 5 · epoch 1 · train_loss 0.2 · bleu 12.35"
    assert not (tmp_path / "tensorboard").exists()


def test_numbers_are_curves(tmp_path):
    record = begun(tmp_path)
    for update in (5, 10):
        record.add(entry(update, bleu=float(update)))
    assert curve(tmp_path, "bleu") == [(5, 5.0), (10, 10.0)]
    assert curve(tmp_path, "train_loss") == [(5, 0.2), (10, 0.1)]


def test_averaged_weights_have_points_of_their_own(tmp_path):
    record = begun(tmp_path)
    record.add(entry(5, bleu=1.0))
    record.add({"update": 5, "averaged": 3, "bleu": 2.0})
    assert curve(tmp_path, "bleu") == [(5, 1.0)]
    assert curve(tmp_path, "averaged/bleu") == [(5, 2.0)]


def test_a_resumed_run_goes_on_with_both(tmp_path):
    begun(tmp_path).add(entry(5, bleu=1.0))
    resumed(tmp_path, update=7, validations=1).add(entry(10, bleu=2.0))
    assert [line["update"] for line in lines(tmp_path)] == [5, 10]
    assert curve(tmp_path, "bleu") == [(5, 1.0), (10, 2.0)]


def test_what_a_killed_run_told_after_its_state_is_dropped(tmp_path):
    """Its state was of update 5; what it told at 10 and 15 comes again."""
    record = begun(tmp_path)
    for update in (5, 10, 15):
        record.add(entry(update, bleu=99.0))
    record = resumed(tmp_path, update=5, validations=1)
    for update in (10, 15):
        record.add(entry(update, bleu=1.0))
    assert [line["bleu"] for line in lines(tmp_path)] == [99.0, 1.0, 1.0]
    assert curve(tmp_path, "bleu") == [(5, 99.0), (10, 1.0), (15, 1.0)]


def test_half_a_line_is_dropped(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"update": 5}\n{"upd')
    begun(tmp_path, update=5, validations=1, tensorboard=False)
    assert lines(tmp_path) == [{"update": 5}]
