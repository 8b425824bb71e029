"""What lies at an address of a chain: code, and what a proxy forwards to."""

from chain import rpc_answers
from chain.address import ZERO_ADDRESS
from chain.json_rpc import ErrorAnswer, JsonRpc

IMPLEMENTATION_SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
"""Where a proxy keeps the address of the code behind it (ERC-1967)."""


class ContractCode:
    """At the newest block. Everything raises `Unavailable`. Belongs to one event loop; `close` it there.

    It does not look which chain it is: ask `Node.check` first.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """As of `chain.web3_node.Web3Node`."""
        self._rpc = JsonRpc(url, what="node", timeout_s=timeout_s)

    async def code(self, address: str) -> bytes:
        """Empty where there is no contract."""
        return await self._data("eth_getCode", address, "latest")

    async def implementation(self, proxy: str) -> str:
        """The address of the code behind a proxy, checksummed; the zero address if that is none."""
        word = await self._data("eth_getStorageAt", proxy, IMPLEMENTATION_SLOT, "latest")
        return rpc_answers.address(f"0x{word[-20:].hex()}") if word else ZERO_ADDRESS

    async def close(self) -> None:
        """Nothing can be asked afterwards."""
        await self._rpc.close()

    async def _data(self, method: str, *params: object) -> bytes:
        try:
            return rpc_answers.data(await self._rpc.ask(method, *params))
        except ErrorAnswer as error:
            raise self._rpc.refusal(method, error) from None
        except ValueError:
            raise self._rpc.no_answer(method) from None
