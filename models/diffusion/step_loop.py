"""The engine thread: one denoising step of whatever is active, again and again."""

import copy
import logging
from collections.abc import Mapping

import torch
from torch import Tensor

from gitex.errors import ContentRefused, EngineFailure, GitexError, OutOfMemory
from gitex.metrics import BATCH_SIZE
from gitex.ports import Clock, Recorder
from models.diffusion.autoencoder import Autoencoder
from models.diffusion.batch_step import BatchStep
from models.diffusion.finisher import Finisher
from models.diffusion.intake import Intake
from models.diffusion.mailbox import Letter, Mailbox, Pixels, Post, StepDone
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.safety import SafetyChecker
from models.diffusion.starts import Starts

logger = logging.getLogger(__name__)


class StepLoop:
    """Owns the device. Every tensor of the engine is made, used and dropped on this thread."""

    def __init__(
        self,
        *,
        intake: Intake,
        starts: Starts,
        step: BatchStep,
        autoencoder: Autoencoder,
        safety: SafetyChecker,
        clock: Clock,
        recorder: Recorder,
        tags: Mapping[str, str],
    ) -> None:
        self._intake = intake
        self._starts = starts
        self._step = step
        self._autoencoder = autoencoder
        self._safety = safety
        self._finisher = Finisher(autoencoder, safety, clock, self._send, self._fail)
        self._clock = clock
        self._recorder = recorder
        self._tags = tags

    @torch.inference_mode()
    def run(self) -> None:
        """Work until the intake ends. An error that is not one request's own ends the intake for all of them."""
        try:
            while self._turn():
                pass
            self._finisher.complete()
        except Exception as error:
            logger.exception("the diffusion engine broke")
            failure = EngineFailure(f"the diffusion engine broke: {error}")
            self._intake.end(failure)
            self._finisher.abandon(failure)

    def _turn(self) -> bool:
        """One step, while the pictures of an earlier one may still be decoded; False when it is all over.

        A frame of its own: while the loop waits for work, it holds no request.
        """
        batch = self._intake.next_batch(wait=not self._finisher.busy)
        if batch is None:
            return False
        self._finisher.collect(wait=not batch)  # with nothing to step, wait for a picture
        self._launch([request for request in batch if self._prepare(request)])
        self._intake.settle(batch)
        return True

    def _prepare(self, request: DiffusionRequest) -> bool:
        """Before its first step: encode the prompt, draw the noise. False if the request cannot go on."""
        if request.state.is_finished:  # cancelled since the batch was formed
            return False
        if request.tensors is None:
            request.timeline.started = self._clock.now()
            try:
                self._start(request)
            except torch.OutOfMemoryError:
                pass  # outside the handler, the first try's tensors are gone
            except Exception as error:
                self._fail(request, error)
            if not request.state.is_finished and request.tensors is None:
                self._start_again(request)
            request.timeline.encoded = self._clock.now()
        return request.tensors is not None

    def _start(self, request: DiffusionRequest) -> None:
        category = self._safety.refuses_prompt(request.spec.prompt)
        if category is not None:
            raise ContentRefused(f"the prompt was refused: {category}", category=category, param="prompt")
        request.tensors = self._starts.prepare(request)

    def _start_again(self, request: DiffusionRequest) -> None:
        """With all memory that can be had."""
        self._starts.forget()
        self._make_room()
        try:
            self._start(request)
        except Exception as error:
            self._fail(request, error)

    def _launch(self, batch: list[DiffusionRequest]) -> None:
        """One step of `batch`; a batch that does not fit into memory goes in two halves, now and from now on."""
        if not batch:
            return
        try:
            clean = self._step(batch)
        except torch.OutOfMemoryError:
            clean = None
        if clean is not None:
            self._recorder.observe(BATCH_SIZE.name, len(batch), self._tags)
            self._report(batch, clean)
            return
        # Outside the handler, so that the failed pass and its tensors are gone.
        had_company = self._finisher.busy
        self._make_room()
        if had_company:  # decoding took memory: a second try, before anybody pays for it
            self._launch(batch)
            return
        if len(batch) == 1:
            self._fail(batch[0], torch.OutOfMemoryError())
            return
        half = len(batch) // 2
        logger.warning("out of memory with %d requests in a step, going on with %d", len(batch), half)
        self._intake.shrink(batch[0].key, sum(request.rows for request in batch) // 2)
        self._launch(batch[:half])
        self._launch(batch[half:])

    def _make_room(self) -> None:
        """Finish what is being decoded, and give cached memory back."""
        self._finisher.complete()
        torch.cuda.empty_cache()

    def _report(self, batch: list[DiffusionRequest], clean: Tensor) -> None:
        """Tell every caller of its step, then decode the pictures that are complete."""
        # A request may have been cancelled, or passed its deadline, while its step was in flight. It has left the
        # step scheduler already; here its row is simply dropped.
        rows = [(request, row) for request, row in zip(batch, clean, strict=True) if not request.state.is_finished]
        now = self._clock.now()
        self._post([(r, StepDone(r.step, r.total, self._preview(r, row))) for r, row in rows])
        complete = [request for request, _ in rows if request.step == request.total and not request.state.is_finished]
        for request in complete:
            request.timeline.denoised = now
        self._finisher.begin(complete)

    def _preview(self, request: DiffusionRequest, clean: Tensor) -> Pixels | None:
        if request.step not in request.preview_steps:
            return None
        try:
            return self._autoencoder.preview(clean)
        except torch.OutOfMemoryError:  # a preview is not worth a picture
            return None
        except Exception as error:
            self._fail(request, error)
            return None

    def _fail(self, request: DiffusionRequest, error: Exception) -> None:
        """End one request with its own error; the others go on."""
        logger.warning("request %s failed", request.context.request_id, exc_info=error)
        request.state, request.tensors = RequestState.FAILED, None
        self._send(request, _to_our_error(error))

    def _send(self, request: DiffusionRequest, letter: Letter) -> None:
        self._post([(request, letter)])

    def _post(self, letters: list[tuple[DiffusionRequest, Letter]]) -> None:
        lost = Mailbox.deliver(Post(request.mailbox, letter) for request, letter in letters)
        for request, _ in letters:
            if request.mailbox in lost:
                self._intake.cancel(request)


def _to_our_error(error: Exception) -> GitexError:
    if isinstance(error, GitexError):
        return copy.copy(error)  # without its traceback, whose frames hold tensors
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("this picture does not fit into the device's memory")
    return EngineFailure(f"the engine broke on this request: {error}")
