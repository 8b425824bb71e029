"""What the routes work with: put together by the composition root, or by a test out of fakes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property

from gitex.ports import AssetStore, CreditLedger, PublicContent, Recorder
from serve_app.services.gateway import Gateway
from serve_app.services.generation import Generation
from serve_app.services.minting import Minting
from serve_app.services.models import ModelDirectory
from serve_app.services.pictures import Pictures
from serve_app.services.publishing import Publishing
from serve_app.services.readiness import Readiness
from serve_app.services.staking import Staking
from serve_app.services.templates import Templates
from serve_app.services.tokens import Tokens
from serve_app.services.verification import Verification
from serve_app.services.vouchers import Vouchers


@dataclass(frozen=True)
class Services:
    """The use cases and stores of one ingress process."""

    models: ModelDirectory
    generation: Generation
    assets: AssetStore
    content: PublicContent
    readiness: Readiness
    recorder: Recorder
    templates: Templates
    publishing: Publishing
    minting: Minting
    vouchers: Vouchers
    tokens: Tokens
    staking: Staking
    credits: CreditLedger
    exposition: Callable[[], Awaitable[str]]
    """The whole cluster's metrics in Prometheus text format."""

    @cached_property
    def pictures(self) -> Pictures:
        """Takes in what callers upload."""
        return Pictures(self.assets)

    @cached_property
    def gateway(self) -> Gateway:
        """Reads pinned content."""
        return Gateway(self.content)

    @cached_property
    def verification(self) -> Verification:
        """Runs assets' specs again."""
        return Verification(self.models, self.assets)
