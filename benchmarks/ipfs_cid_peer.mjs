// The peer of ipfs_cid.py: for each line `READ_BYTES` on its input it computes the CID of a file, and prints one JSON line.
//   node ipfs_cid_peer.mjs FILE
import { importer } from 'ipfs-unixfs-importer'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

const path = process.argv[2]
const nowhere = { put: async cid => cid }

for await (const line of createInterface({ input: process.stdin })) {
  const began = process.hrtime.bigint()
  const spent = process.cpuUsage()
  const content = createReadStream(path, { highWaterMark: Number(line) })
  let cid
  for await (const entry of importer([{ path: 'f', content }], nowhere)) cid = entry.cid
  const { user, system } = process.cpuUsage(spent)
  const wall = Number(process.hrtime.bigint() - began) / 1e9
  console.log(JSON.stringify({ cid: cid.toString(), processor: (user + system) / 1e6, wall }))
}
