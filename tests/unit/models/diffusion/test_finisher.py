"""Who is decoded with whom, and that everybody gets exactly one answer while decoding runs beside the steps."""

from dataclasses import dataclass, replace

import pytest
import torch

from gitex.errors import ContentRefused, EngineFailure, Unavailable
from models.diffusion.autoencoder import WHOLE_AREA
from models.diffusion.conditioning import Conditioning
from models.diffusion.finisher import Finisher
from models.diffusion.mailbox import Letter, PictureDone, Pixels
from models.diffusion.request import DiffusionRequest, RequestState, WorkingTensors
from tests.unit.models.diffusion.gated_model import PlainAutoencoder
from tests.unit.models.diffusion.level_autoencoder import LevelAutoencoder
from tests.unit.models.diffusion.making import HandClock, make_request


@dataclass
class PickyChecker:
    """Refuses the pictures of one level; runs out of memory `failures` times before it sees any."""

    refused: int | None = None
    failures: int = 0

    def refuses_prompt(self, prompt: str) -> str | None:
        return None

    def refuses_picture(self, picture: Pixels) -> str | None:
        if self.failures:
            self.failures -= 1
            raise torch.OutOfMemoryError("no room")
        return "ugly" if int(picture[0, 0, 0]) == self.refused else None


class Desk:
    """A finisher and the answers that it has given."""

    def __init__(self, autoencoder: PlainAutoencoder, safety: PickyChecker | None = None) -> None:
        self.sent: dict[DiffusionRequest, int] = {}
        self.failed: dict[DiffusionRequest, Exception] = {}
        self.finisher = Finisher(autoencoder, safety or PickyChecker(), HandClock(), self._send, self._fail)

    def _send(self, request: DiffusionRequest, letter: Letter) -> None:
        assert isinstance(letter, PictureDone)
        assert request not in self.sent
        assert request not in self.failed
        self.sent[request] = int(letter.pixels[0, 0, 0])

    def _fail(self, request: DiffusionRequest, error: Exception) -> None:
        assert request not in self.sent
        assert request not in self.failed
        request.state, request.tensors = RequestState.FAILED, None
        self.failed[request] = error


def requests_of(*levels: int, strict: bool = False, side: int = 32) -> list[DiffusionRequest]:
    made = []
    for level in levels:
        request = make_request(side=side)
        request.key = replace(request.key, strict=strict)
        request.state = RequestState.RUNNING
        request.tensors = WorkingTensors(
            latents=torch.full(request.key.latent_shape, float(level)),
            conditioning=Conditioning({}),
            negative=None,
            generator=torch.Generator(),
        )
        made.append(request)
    return made


def test_pictures_of_one_step_are_decoded_together_and_answered_when_ready() -> None:
    autoencoder = LevelAutoencoder()
    desk, requests = Desk(autoencoder), requests_of(1, 2, 3)
    desk.finisher.begin(requests)
    assert autoencoder.asked == [([1, 2, 3], False)]
    desk.finisher.collect()
    assert (desk.sent, desk.finisher.busy) == ({}, True)
    assert {request.state for request in requests} == {RequestState.DECODING}
    autoencoder.flights[0].done = True
    desk.finisher.collect()
    assert [desk.sent[request] for request in requests] == [1, 2, 3]
    assert not desk.finisher.busy
    assert all(request.state is RequestState.FINISHED and request.tensors is None for request in requests)


def test_what_is_ready_at_once_is_answered_at_once() -> None:
    desk, requests = Desk(PlainAutoencoder()), requests_of(1, 2)
    desk.finisher.begin(requests)
    assert len(desk.sent) == 2


def test_a_strict_picture_is_decoded_alone() -> None:
    autoencoder = LevelAutoencoder()
    Desk(autoencoder).finisher.begin(requests_of(1, 2, strict=True))
    assert autoencoder.asked == [([1], False), ([2], False)]


def test_no_decode_is_larger_than_the_largest_single_one() -> None:
    autoencoder = LevelAutoencoder()
    side = 1024
    Desk(autoencoder).finisher.begin(requests_of(1, 2, 3, side=side))
    assert WHOLE_AREA // (side // 8) ** 2 == 1
    assert autoencoder.asked == [([1], False), ([2], False), ([3], False)]


def test_decoding_does_not_fall_behind_by_more_than_one_step() -> None:
    autoencoder = LevelAutoencoder()
    desk, (first, second) = Desk(autoencoder), requests_of(1, 2)
    desk.finisher.begin([first])
    desk.finisher.begin([second])
    assert desk.sent == {first: 1}
    desk.finisher.complete()
    assert desk.sent == {first: 1, second: 2}


def test_waiting_waits_for_the_first_in_line_only() -> None:
    autoencoder = LevelAutoencoder()
    desk, (first, second) = Desk(autoencoder), requests_of(1, 2, strict=True)
    desk.finisher.begin([first, second])
    desk.finisher.collect(wait=True)
    assert desk.sent == {first: 1}
    assert desk.finisher.busy


def test_one_cancelled_while_decoding_gets_no_answer_and_holds_nothing() -> None:
    autoencoder = LevelAutoencoder()
    desk, (stays, leaves) = Desk(autoencoder), requests_of(1, 2)
    desk.finisher.begin([stays, leaves])
    leaves.state = RequestState.CANCELLED
    desk.finisher.complete()
    assert desk.sent == {stays: 1}
    assert leaves.state is RequestState.CANCELLED
    assert leaves.tensors is None


def test_out_of_memory_halves_until_it_fits() -> None:
    autoencoder = LevelAutoencoder(room=2 * 4 * 4 * 4)
    desk, requests = Desk(autoencoder), requests_of(1, 2, 3, 4)
    desk.finisher.begin(requests)
    desk.finisher.complete()
    assert [desk.sent[request] for request in requests] == [1, 2, 3, 4]
    # The second half waits for the memory of the first, and is not halved for that.
    assert autoencoder.asked == [([1, 2, 3, 4], False), ([1, 2], False), ([3, 4], False), ([3, 4], False)]


def test_a_picture_that_does_not_fit_alone_comes_in_tiles() -> None:
    autoencoder = LevelAutoencoder(room=1)
    desk, (request,) = Desk(autoencoder), requests_of(1)
    desk.finisher.begin([request])
    desk.finisher.complete()
    assert desk.sent == {request: 1}
    assert autoencoder.asked == [([1], False), ([1], True)]


def test_a_strict_picture_never_comes_in_tiles_for_want_of_memory() -> None:
    autoencoder = LevelAutoencoder(room=1)
    desk, (request,) = Desk(autoencoder), requests_of(1, strict=True)
    desk.finisher.begin([request])
    assert isinstance(desk.failed[request], torch.OutOfMemoryError)
    assert autoencoder.asked == [([1], False)]


def test_memory_that_another_decode_holds_is_waited_for() -> None:
    autoencoder = LevelAutoencoder(room=4 * 4 * 4)
    desk, (first, second) = Desk(autoencoder), requests_of(1, 2, strict=True)
    desk.finisher.begin([first, second])
    assert desk.sent == {first: 1}
    desk.finisher.complete()
    assert desk.sent == {first: 1, second: 2}
    assert autoencoder.asked == [([1], False), ([2], False), ([2], False)]


@pytest.mark.parametrize("strict", [False, True])
def test_one_picture_that_breaks_while_decoding_fails_alone(strict: bool) -> None:
    autoencoder = LevelAutoencoder(broken=2)
    desk, requests = Desk(autoencoder), requests_of(1, 2, 3, strict=strict)
    desk.finisher.begin(requests)
    desk.finisher.complete()
    assert {request: desk.sent.get(request) for request in requests} == dict(zip(requests, (1, None, 3), strict=True))
    assert type(desk.failed[requests[1]]) is EngineFailure


def test_a_failing_decode_is_not_tried_again_for_those_who_left() -> None:
    autoencoder = LevelAutoencoder(broken=2)
    desk, requests = Desk(autoencoder), requests_of(1, 2)
    desk.finisher.begin(requests)
    for request in requests:
        request.state = RequestState.CANCELLED
    desk.finisher.complete()
    assert (desk.sent, desk.failed, len(autoencoder.asked)) == ({}, {}, 1)


def test_a_broken_engine_fails_what_is_being_decoded() -> None:
    desk, (stays, leaves) = Desk(LevelAutoencoder()), requests_of(1, 2)
    desk.finisher.begin([stays, leaves])
    leaves.state = RequestState.CANCELLED
    desk.finisher.abandon(Unavailable("closed"))
    assert list(desk.failed) == [stays]
    assert not desk.finisher.busy


def test_a_refused_picture_is_an_error_with_its_category() -> None:
    desk, (good, bad) = Desk(LevelAutoencoder(), PickyChecker(refused=2)), requests_of(1, 2)
    desk.finisher.begin([good, bad])
    desk.finisher.complete()
    assert desk.sent == {good: 1}
    error = desk.failed[bad]
    assert isinstance(error, ContentRefused)
    assert error.category == "ugly"


def test_a_checker_that_runs_out_of_memory_is_asked_once_more() -> None:
    desk, (first, second) = Desk(LevelAutoencoder(), PickyChecker(refused=2, failures=1)), requests_of(1, 2)
    desk.finisher.begin([first, second])
    desk.finisher.complete()
    assert desk.sent == {first: 1}
    assert isinstance(desk.failed[second], ContentRefused)  # nothing passes unchecked
