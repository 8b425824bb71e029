// A js-ipfs node that speaks the Kubo RPC on loopback and to nobody else.
//
//     node node.mjs REPO_FOLDER PORT
//
// Prints `ready PORT` once it answers. Pins and blocks stay in the folder: a node started on it again has them.
// It ends on SIGTERM, and when its standard input ends, so that it does not outlive whoever started it.

// A dependency calls this, which came with Node 22.
Promise.withResolvers ??= function () {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}

const [repo, port] = process.argv.slice(2)
if (!repo || !/^\d+$/.test(port ?? '')) {
  console.error('usage: node node.mjs REPO_FOLDER PORT')
  process.exit(2)
}

// Imported only now, because an import statement would run before the lines above.
const { create } = await import('ipfs-core')
const { HttpApi } = await import('ipfs-http-server')

const node = await create({
  repo,
  offline: true,
  silent: true,
  preload: { enabled: false },
  config: {
    Addresses: { Swarm: [], Delegates: [], API: `/ip4/127.0.0.1/tcp/${port}`, Gateway: '', RPC: '' },
    Bootstrap: [],
    Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } }
  }
})
const api = new HttpApi(node)
await api.start()

let stopping
const stop = () => {
  stopping ??= api.stop().then(() => node.stop()).finally(() => process.exit(0))
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.stdin.on('end', stop).resume()
console.log(`ready ${port}`)
