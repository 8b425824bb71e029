"""Which keys sign: the settings say."""

from chain.dev_keys import dev_keys
from chain.external_signer import open_external_signer
from chain.keystore import open_keystores
from chain.signer import Signer
from configs.chains import Chain
from configs.settings import Settings
from gitex.errors import SettingsError


async def open_signer(settings: Settings, chain: Chain) -> Signer:
    """The signer of that chain; nothing of it needs to be closed.

    Raises `SettingsError` that names the setting, and `Unavailable` if a signer elsewhere does not answer.
    """
    if settings.chain_signer_url is not None:
        return await open_external_signer(settings.chain_signer_url.get_secret_value())
    if settings.chain_keystores:
        password = settings.chain_keystore_password
        if password is None:
            raise SettingsError("GITEX_CHAIN_KEYSTORE_PASSWORD is not set", param="GITEX_CHAIN_KEYSTORE_PASSWORD")
        return await open_keystores(settings.chain_keystores, password, chain.chain_id)
    if chain.is_local:
        return dev_keys(chain)
    raise SettingsError(
        f"nobody signs for {chain.name}: set GITEX_CHAIN_KEYSTORES (with GITEX_CHAIN_KEYSTORE_PASSWORD) or "
        "GITEX_CHAIN_SIGNER_URL",
        param="GITEX_CHAIN_KEYSTORES",
    )
