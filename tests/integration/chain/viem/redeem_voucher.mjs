// Redeems a voucher as the creator's wallet would: { url, chainId, mnemonic, account, voucher }.
import { createWalletClient, encodeFunctionData, hashTypedData, http, recoverTypedDataAddress } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { abi, input, output, publicClient } from "./contract.mjs";

const { url, chainId, mnemonic, account, voucher } = await input();
const client = publicClient(url);
const { typed_data: typedData, signature, signer, contract, calldata, price } = voucher;
const { message } = typedData;
const args = [
  {
    ...message,
    deadline: BigInt(message.deadline),
    price: BigInt(message.price),
    request: {
      ...message.request,
      metadataCodec: Number(message.request.metadataCodec),
      royaltyBps: Number(message.request.royaltyBps),
    },
  },
  signer,
  signature,
];
const chain = {
  id: chainId,
  name: "test",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
};
const wallet = createWalletClient({
  account: mnemonicToAccount(mnemonic, { addressIndex: account }),
  chain,
  transport: http(url),
});
const hash = await wallet.writeContract({
  address: contract,
  abi,
  functionName: "redeem",
  args,
  value: BigInt(price),
});
const receipt = await client.waitForTransactionReceipt({ hash, pollingInterval: 50 });
const [redeemed] = await client.getContractEvents({
  address: contract,
  abi,
  eventName: "VoucherRedeemed",
  fromBlock: receipt.blockNumber,
  toBlock: receipt.blockNumber,
});
output({
  status: receipt.status,
  from: receipt.from,
  recovered: await recoverTypedDataAddress({ ...typedData, signature }),
  digest: hashTypedData(typedData),
  digestOnChain: await client.readContract({ address: contract, abi, functionName: "voucherDigest", args: [args[0]] }),
  sameCalldata: encodeFunctionData({ abi, functionName: "redeem", args }) === calldata,
  redeemed: redeemed.args,
});
