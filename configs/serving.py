"""The typed `args` of our Ray Serve application, as a Serve config file gives them."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Autoscaling(_Frozen):
    """How many replicas, by load. Ray's own defaults (30 s up, 600 s down) suit neither demo nor traffic peaks."""

    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(ge=1)
    target_ongoing_requests: float = Field(8, gt=0)
    upscale_delay_s: float = Field(3, ge=0)
    downscale_delay_s: float = Field(60, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas is larger than max_replicas")
        return self


class DeploymentOptions(_Frozen):
    """Where and how often a deployment runs."""

    replicas: int = Field(1, ge=1)
    autoscaling: Autoscaling | None = Field(None, description="instead of a fixed number of replicas")
    num_cpus: float = Field(0.1, ge=0, description="what Ray books for a replica; the engines set their own threads")
    num_gpus: float = Field(
        0, ge=0, description="a fraction shares one GPU; bookkeeping only, see engine.memory_fraction"
    )
    max_ongoing_requests: int = Field(
        128,
        ge=1,
        # An engine answers 429 at 4 * max_batch + max_waiting; Serve must let that many through for it to be heard.
        description="requests a replica holds at once; at least the engine's 4 * max_batch + max_waiting",
    )
    max_queued_requests: int = Field(
        64, ge=-1, description="requests each caller may hold back; one more is answered 429"
    )

    def serve_options(self) -> dict[str, Any]:
        """The keyword arguments of `Deployment.options`."""
        options: dict[str, Any] = {
            "max_ongoing_requests": self.max_ongoing_requests,
            "max_queued_requests": self.max_queued_requests,
            "ray_actor_options": {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus},
        }
        if self.autoscaling is None:
            options["num_replicas"] = self.replicas
        else:
            options["autoscaling_config"] = {**self.autoscaling.model_dump(), "metrics_interval_s": 1}
        return options


class ServedModel(_Frozen):
    """One model of the catalog, put to work."""

    model: str = Field(description="`name@version`, or `name` for the newest", examples=["starter-diffusion@1"])
    options: DeploymentOptions = DeploymentOptions()


class AppArgs(_Frozen):
    """What `serve_app.build:build` takes."""

    models: tuple[ServedModel, ...] = Field(min_length=1)
    ingress: DeploymentOptions = DeploymentOptions(max_ongoing_requests=512, max_queued_requests=256)

    @model_validator(mode="after")
    def _models_are_unique(self) -> Self:
        names = [served.model for served in self.models]
        if len(set(names)) != len(names):
            raise ValueError("a model is listed twice")
        return self
