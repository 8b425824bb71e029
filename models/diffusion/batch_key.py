"""What two requests must have in common to share a forward pass."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchKey:
    """Requests with equal keys may be rows of one forward pass; everything else about them may differ.

    Guidance is deliberately not part of the key. A forward pass sees rows of (latent, timestep, conditioning); a guided
    request brings two rows and an unguided one brings one, so both kinds fit into the same pass. Steps, seed, sampler,
    strength, start and progress are per request for the same reason.
    """

    variant: str
    """`name@version`: a pass runs one set of weights."""

    latent_shape: tuple[int, int, int]
    """(channels, height, width) of the latent: rows are stacked into one tensor."""

    conditioning: tuple[tuple[str, tuple[int, ...]], ...]
    """Name and shape of each conditioning tensor of a row: they are stacked, without padding."""

    dtype: str
    """Precision of the rows: casting a row to share a pass would change its result."""

    adapters: tuple[tuple[str, float], ...] = ()
    """Name and weight of each LoRA adapter: the network's layers have them on or off for all rows of a pass at once."""

    strict: bool = False
    """A strict pass is padded to a fixed number of rows: others need not pay for that."""

    @property
    def area(self) -> int:
        """Latent pixels of one row: what a row's memory and time grow with."""
        _, height, width = self.latent_shape
        return height * width


@dataclass(frozen=True)
class RowLayout:
    """What one loaded model decides of every key."""

    variant: str
    channels: int
    factor: int
    """Pixels of the picture's side to one of the latents' side."""
    conditioning: tuple[tuple[str, tuple[int, ...]], ...]
    dtype: str

    def key(
        self, width: int, height: int, adapters: tuple[tuple[str, float], ...] = (), *, strict: bool = False
    ) -> BatchKey:
        """The key of a picture, sides in pixels."""
        return BatchKey(
            variant=self.variant,
            latent_shape=(self.channels, height // self.factor, width // self.factor),
            conditioning=self.conditioning,
            dtype=self.dtype,
            adapters=adapters,
            strict=strict,
        )
