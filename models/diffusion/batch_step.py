"""One denoising step of a batch: gather, predict, guide, solve, scatter."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.diffusion.conditioning import stack
from models.diffusion.denoisers.protocol import Denoiser
from models.diffusion.request import DiffusionRequest, KeptPart, Style
from models.diffusion.samplers.protocol import Sampler, Stepped
from models.diffusion.starts import statistics


class BatchStep:
    """Requests are the only truth: a batch is gathered from them for one step and scattered back."""

    def __init__(self, denoiser: Denoiser, samplers: Mapping[str, Sampler], strict_rows: int) -> None:
        """`strict_rows`: rows of every forward pass of a strict batch."""
        self._denoiser = denoiser
        self._samplers = samplers
        self._strict_rows = strict_rows

    def __call__(self, batch: list[DiffusionRequest]) -> Tensor:
        """Advance every request of one key by one step; returns the predicted clean latents, (requests, c, h, w).

        A request is changed only when the whole step has succeeded.
        """
        batch.sort(key=lambda request: not request.guided)  # so that the guided rows are one slice
        guided = sum(request.guided for request in batch)
        latents = torch.stack([request.working.latents for request in batch])
        scales = self._upload([(r.settings.guidance_scale,) for r in batch[:guided]]).view(guided, 1, 1, 1)
        prediction = _guide(self._predict(batch, latents, guided), scales)
        following, clean = self._solve(batch, latents, prediction)
        following, clean = _restyle(batch, following, clean)
        following = _restore_kept(batch, following)
        if self._denoiser.device.type == "cuda":
            # Without waiting, this thread would queue many steps ahead and cancelling would come too late.
            torch.cuda.current_stream(self._denoiser.device).synchronize()
        self._scatter(batch, following, clean)
        return clean

    def _predict(self, batch: list[DiffusionRequest], latents: Tensor, guided: int) -> Tensor:
        """Rows of the pass: every request with its prompt, then the guided ones again with their negative prompt."""
        controls = self._upload([(r.plan.timesteps[r.step], r.plan.input_divisors[r.step]) for r in batch])
        controls = torch.cat([controls, controls[:guided]])
        rows = torch.cat([latents, latents[:guided]]) / controls[:, 1, None, None, None]
        negatives = [r.working.negative for r in batch if r.working.negative is not None]
        conditioning = stack([*(r.working.conditioning for r in batch), *negatives])
        self._denoiser.use_adapters(batch[0].key.adapters)
        arguments = _Rows(rows.to(self._denoiser.dtype), controls[:, 0], conditioning)
        if not batch[0].key.strict:
            return self._denoiser.predict(*arguments).float()
        return self._predict_strictly(arguments).float()

    def _predict_strictly(self, arguments: "_Rows") -> Tensor:
        """In passes of one fixed number of rows, because a row's last bits depend on how many there are."""
        predictions: list[Tensor] = []
        for begin in range(0, len(arguments.latents), self._strict_rows):
            part = arguments.part(begin, begin + self._strict_rows)
            predictions.append(self._denoiser.predict(*part.padded(self._strict_rows))[: len(part.latents)])
        return torch.cat(predictions)

    def _solve(self, batch: list[DiffusionRequest], latents: Tensor, prediction: Tensor) -> Stepped:
        """Each sampler advances its own rows. Returns the next latents and the predicted clean ones."""
        names = [request.plan.sampler for request in batch]
        following, clean = torch.empty_like(latents), torch.empty_like(latents)
        for name in dict.fromkeys(names):
            mine = [i for i, other in enumerate(names) if other == name]
            rows = torch.tensor(mine, device=latents.device)
            stepped = self._advance(self._samplers[name], [batch[i] for i in mine], latents[rows], prediction[rows])
            following[rows], clean[rows] = stepped.latents, stepped.clean
        return Stepped(following, clean)

    def _advance(
        self, sampler: Sampler, requests: list[DiffusionRequest], latents: Tensor, prediction: Tensor
    ) -> Stepped:
        coefficients = self._upload([request.plan.coefficients[request.step] for request in requests])
        previous = noise = None
        if sampler.remembers:
            previous = torch.stack([_previous(request) for request in requests])
        if sampler.draws_noise:
            noise = torch.stack([self._fresh_noise(request) for request in requests])
        return sampler.step(coefficients, latents, prediction, previous=previous, noise=noise)

    def _fresh_noise(self, request: DiffusionRequest) -> Tensor:
        """Drawn once a step: one that is tried again after running out of memory finds the noise of its first try."""
        working = request.working
        if working.fresh is None:
            noise = torch.randn(request.key.latent_shape, generator=working.generator, dtype=self._denoiser.dtype)
            working.fresh = noise.to(self._denoiser.device).float()
        return working.fresh

    def _scatter(self, batch: list[DiffusionRequest], following: Tensor, clean: Tensor) -> None:
        for request, row, clean_row in zip(batch, following.unbind(), clean.unbind(), strict=True):
            request.working.latents, request.working.fresh = row, None
            if self._samplers[request.plan.sampler].remembers:
                request.working.previous = clean_row
            request.step += 1

    def _upload(self, rows: list[tuple[float, ...]]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float32).to(self._denoiser.device, non_blocking=True)


class _Rows(NamedTuple):
    """The arguments of one forward pass."""

    latents: Tensor
    timesteps: Tensor
    conditioning: Mapping[str, Tensor]

    def part(self, begin: int, end: int) -> "_Rows":
        """Rows `begin` to `end`, or to the last one."""
        return self._map(lambda tensor: tensor[begin:end])

    def padded(self, rows: int) -> "_Rows":
        """With the first row repeated until there are `rows`."""
        missing = rows - len(self.latents)
        return self._map(lambda tensor: torch.cat([tensor, tensor[:1].expand(missing, *tensor.shape[1:])]))

    def _map(self, change: Callable[[Tensor], Tensor]) -> "_Rows":
        conditioning = {name: change(tensor) for name, tensor in self.conditioning.items()}
        return _Rows(change(self.latents), change(self.timesteps), conditioning)


def _guide(prediction: Tensor, scales: Tensor) -> Tensor:
    """Classifier-free guidance (arXiv:2207.12598) for the first len(scales) of the requests.

    `prediction` has a row for each request, then the unconditional rows of the guided ones.
    """
    guided, total = len(scales), len(prediction) - len(scales)
    conditional, unconditional = prediction[:total], prediction[total:]
    pushed = unconditional + scales * (conditional[:guided] - unconditional)
    return torch.cat([pushed, conditional[guided:]])


def _previous(request: DiffusionRequest) -> Tensor:
    working = request.working
    return torch.zeros_like(working.latents) if working.previous is None else working.previous


def _restyle(batch: Sequence[DiffusionRequest], following: Tensor, clean: Tensor) -> Stepped:
    """Move the predicted clean latents' statistics to the style picture's: adaptive instance normalisation
    (arXiv:1703.06868), and the next latents by as much as the clean ones count in them."""
    for i, request in enumerate(batch):
        style: Style | None = request.working.style
        if style is None:
            continue
        mean, deviation = statistics(clean[i])
        styled = (clean[i] - mean) / (deviation + 1e-6) * style.deviation + style.mean
        change = style.weight * (styled - clean[i])
        clean[i] += change
        following[i] += request.plan.mixes[request.step + 1].signal * change
    return Stepped(following, clean)


def _restore_kept(batch: Sequence[DiffusionRequest], following: Tensor) -> Tensor:
    """Put back what an inpainting keeps, noised to the level of the next step."""
    for i, request in enumerate(batch):
        kept: KeptPart | None = request.working.kept
        if kept is None:
            continue
        signal, noise = request.plan.mixes[request.step + 1]
        following[i] = (1 - kept.mask) * (signal * kept.clean + noise * kept.noise) + kept.mask * following[i]
    return following
