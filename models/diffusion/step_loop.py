"""The engine thread: one denoising step of whatever is active, again and again."""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor

from gitex.errors import EngineFailure, GitexError, OutOfMemory
from gitex.metrics import BATCH_SIZE
from gitex.ports import Clock, Recorder
from models.diffusion.context_cache import ContextCache
from models.diffusion.decode import Decoder
from models.diffusion.denoiser import Denoiser
from models.diffusion.intake import Intake
from models.diffusion.mailbox import Letter, Mailbox, PictureDone, Pixels, Post, StepDone
from models.diffusion.request import DiffusionRequest, RequestState, WorkingTensors
from models.diffusion.samplers.protocol import Sampler

logger = logging.getLogger(__name__)


class StepLoop:
    """Owns the device. Every tensor of the engine is made, used and dropped on this thread."""

    def __init__(
        self,
        *,
        intake: Intake,
        denoiser: Denoiser,
        decoder: Decoder,
        samplers: Mapping[str, Sampler],
        clock: Clock,
        recorder: Recorder,
        tags: Mapping[str, str],
    ) -> None:
        self._intake = intake
        self._denoiser = denoiser
        self._decoder = decoder
        self._samplers = samplers
        self._clock = clock
        self._recorder = recorder
        self._tags = tags
        self._contexts = ContextCache(denoiser)

    @torch.inference_mode()
    def run(self) -> None:
        """Work until the intake ends. An error that is not one request's own ends the intake for all of them."""
        try:
            while batch := self._intake.next_batch():
                self._launch([request for request in batch if self._prepare(request)])
                self._intake.settle(batch)
        except Exception as error:
            logger.exception("the diffusion engine broke")
            self._intake.end(EngineFailure(f"the diffusion engine broke: {error}"))

    def _prepare(self, request: DiffusionRequest) -> bool:
        """Before its first step: encode the prompt and draw the noise. False if the request cannot go on."""
        if request.state.is_finished:  # cancelled since the batch was formed
            return False
        if request.tensors is None:
            request.timeline.started = self._clock.now()
            try:
                request.tensors = self._make_tensors(request)
            except Exception as error:
                self._fail(request, error)
            request.timeline.encoded = self._clock.now()
        return request.tensors is not None

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
        torch.cuda.empty_cache()
        if len(batch) == 1:
            self._fail(batch[0], torch.OutOfMemoryError())
            return
        half = len(batch) // 2
        logger.warning("out of memory with %d requests in a step, going on with %d", len(batch), half)
        self._intake.shrink(batch[0].key, half)
        self._launch(batch[:half])
        self._launch(batch[half:])

    def _step(self, batch: list[DiffusionRequest]) -> Tensor:
        """Gather, predict, guide, solve, scatter. Returns the predicted clean latents, a row for each request."""
        batch.sort(key=lambda request: not request.guided)  # so that the guided rows are one slice
        guided = sum(request.guided for request in batch)
        latents = torch.stack([request.working.latents for request in batch])
        scales = self._upload([(r.settings.guidance_scale,) for r in batch[:guided]]).view(guided, 1, 1, 1)
        prediction = _guide(self._predict(batch, latents, guided), scales)
        latents, clean = self._solve(batch, latents, prediction)
        if self._denoiser.device.type == "cuda":
            # Without waiting, this thread would queue many steps ahead and cancelling would come too late.
            torch.cuda.current_stream(self._denoiser.device).synchronize()
        for request, row in zip(batch, latents.unbind(), strict=True):
            request.working.latents = row
            request.step += 1
        return clean

    def _predict(self, batch: list[DiffusionRequest], latents: Tensor, guided: int) -> Tensor:
        """Rows of the pass: every request with its prompt, then the guided ones again with their negative prompt."""
        controls = self._upload([(r.plan.timesteps[r.step], r.plan.input_divisors[r.step]) for r in batch])
        controls = torch.cat([controls, controls[:guided]])
        rows = torch.cat([latents, latents[:guided]]) / controls[:, 1, None, None, None]
        negatives = (r.working.negative for r in batch if r.working.negative is not None)
        context = torch.stack([*(r.working.context for r in batch), *negatives])
        return self._denoiser.predict(rows.to(self._denoiser.dtype), controls[:, 0], context).float()

    def _solve(self, batch: list[DiffusionRequest], latents: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
        """Each sampler advances its own rows. Returns the next latents and the predicted clean ones."""
        names = [request.plan.sampler for request in batch]
        following, clean = torch.empty_like(latents), torch.empty_like(latents)
        for name in dict.fromkeys(names):
            mine = [i for i, other in enumerate(names) if other == name]
            coefficients = self._upload([batch[i].plan.coefficients[batch[i].step] for i in mine])
            if len(mine) == len(batch):
                stepped = self._samplers[name].step(coefficients, latents, prediction)
                return stepped.latents, stepped.clean
            rows = torch.tensor(mine, device=latents.device)
            stepped = self._samplers[name].step(coefficients, latents[rows], prediction[rows])
            following[rows], clean[rows] = stepped.latents, stepped.clean
        return following, clean

    def _report(self, batch: list[DiffusionRequest], clean: Tensor) -> None:
        """Tell every caller of its step, then decode the pictures that are complete."""
        # A request may have been cancelled, or passed its deadline, while its step was in flight. It has left the
        # step scheduler already; here its row is simply dropped.
        rows = [(request, row) for request, row in zip(batch, clean, strict=True) if not request.state.is_finished]
        now = self._clock.now()
        self._post([(r, StepDone(r.step, r.total, self._preview(r, row))) for r, row in rows])
        for request, _ in rows:
            if request.step == request.total and not request.state.is_finished:
                request.timeline.denoised = now
                self._finish(request)

    def _preview(self, request: DiffusionRequest, clean: Tensor) -> Pixels | None:
        if request.step not in request.preview_steps:
            return None
        try:
            return self._decoder.decode(clean)
        except Exception as error:
            self._fail(request, error)
            return None

    def _finish(self, request: DiffusionRequest) -> None:
        timeline = request.timeline
        try:
            pixels = self._decoder.decode(request.working.latents)
        except Exception as error:
            self._fail(request, error)
            return
        request.state = RequestState.FINISHED
        picture = PictureDone(
            pixels,
            queue=timeline.started - timeline.submitted,
            encode=timeline.encoded - timeline.started,
            denoise=timeline.denoised - timeline.encoded,
            decode=self._clock.now() - timeline.denoised,
        )
        self._post([(request, picture)])

    def _fail(self, request: DiffusionRequest, error: Exception) -> None:
        """End one request with its own error; the others go on."""
        logger.warning("request %s failed", request.context.request_id, exc_info=error)
        request.state = RequestState.FAILED
        self._post([(request, _to_our_error(error))])

    def _post(self, letters: list[tuple[DiffusionRequest, Letter]]) -> None:
        lost = Mailbox.deliver(Post(request.mailbox, letter) for request, letter in letters)
        for request, _ in letters:
            if request.mailbox in lost:
                self._intake.cancel(request)

    def _make_tensors(self, request: DiffusionRequest) -> WorkingTensors:
        # Drawn on the CPU in the model's precision, as diffusers does with a CPU generator: the same noise on every
        # device. (One seed gives different noise in float32 and in float16.)
        generator = torch.Generator().manual_seed(request.spec.seed)
        noise = torch.randn(request.key.latent_shape, generator=generator, dtype=self._denoiser.dtype)
        negative = self._contexts.encode(request.settings.negative_prompt) if request.guided else None
        return WorkingTensors(
            latents=noise.to(self._denoiser.device).float() * request.plan.initial_scale,
            context=self._contexts.encode(request.spec.prompt),
            negative=negative,
        )

    def _upload(self, rows: list[tuple[float, ...]]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float32).to(self._denoiser.device, non_blocking=True)


def _guide(prediction: Tensor, scales: Tensor) -> Tensor:
    """Classifier-free guidance (arXiv:2207.12598) for the first len(scales) of the requests.

    `prediction` has a row for each request, then the unconditional rows of the guided ones.
    """
    guided, total = len(scales), len(prediction) - len(scales)
    conditional, unconditional = prediction[:total], prediction[total:]
    pushed = unconditional + scales * (conditional[:guided] - unconditional)
    return torch.cat([pushed, conditional[guided:]])


def _to_our_error(error: Exception) -> GitexError:
    if isinstance(error, GitexError):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("this picture does not fit into the device's memory")
    return EngineFailure(f"the engine broke on this request: {error}")
