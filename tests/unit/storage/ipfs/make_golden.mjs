// Writes golden.json: CIDs that other implementations compute. Not run by the tests; how to run it again:
//
//   mkdir /some/folder && cd /some/folder && npm init -y && cp …/tests/unit/storage/ipfs/make_golden.mjs .
//   npm i --ignore-scripts --omit=optional ipfs-unixfs-importer@17.1.1 @ipld/unixfs@3.0.0 @ipld/car@5.4.7 multiformats@13
//   (beside it a js-ipfs node, started as tests/integration/ipfs_node does, its HTTP API on 127.0.0.1:PORT)
//   node make_golden.mjs http://127.0.0.1:PORT > golden.json
//
// js-ipfs 0.18 is built on version 12 of ipfs-unixfs-importer; @ipld/unixfs shares no code with either.
// Bytes of a file: piece 0, piece 1, …, cut at its size; piece i is the 65,536 bytes of SHAKE128("gitex golden i").
import { CarWriter } from '@ipld/car'
import * as PbUnixFS from '@ipld/unixfs'
import * as Balanced from '@ipld/unixfs/file/layout/balanced'
import * as FixedSize from '@ipld/unixfs/file/chunker/fixed'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as Raw from 'multiformats/codecs/raw'
import { createHash } from 'node:crypto'

const api = process.argv[2]
const PIECE = 65536
const SIZES = [0, 1, 262143, 262144, 262145, 45613056, 45613057]
const SMALL = { chunkBytes: 4, maxLinks: 3 }
const DIRECTORY = { 'b.txt': 1, 'a/ü 1.bin': 262145, 'a/empty': 0, 'B.txt': 262143, 'a.txt': 1 }

function stream (size) {
  const pieces = []
  for (let i = 0; i * PIECE < size; i++) {
    pieces.push(createHash('shake128', { outputLength: PIECE }).update(`gitex golden ${i}`).digest())
  }
  return Buffer.concat(pieces).subarray(0, size)
}

async function imported (files, options = {}) {
  const blocks = new Map()
  const store = { put: async (cid, bytes) => { blocks.set(cid.toString(), { cid, bytes }); return cid } }
  let last
  for await (const entry of importer(files, store, options)) last = entry
  return { cid: last.cid, tsize: Number(last.size), blocks }
}

const splitInto = ({ chunkBytes, maxLinks }) => ({
  chunker: fixedSize({ chunkSize: chunkBytes }), layout: balanced({ maxChildrenPerNode: maxLinks })
})

// The second implementation: @ipld/unixfs has its own encoder, chunker and layout.
async function written (build, { chunkBytes = 262144, maxLinks = 174 } = {}) {
  const { readable, writable } = new TransformStream({}, PbUnixFS.withCapacity(1 << 28))
  const drained = (async () => { for await (const _ of readable) { /* blocks are not looked at */ } })()
  const settings = PbUnixFS.configure({
    chunker: FixedSize.withMaxChunkSize(chunkBytes),
    fileLayout: Balanced.withWidth(maxLinks),
    fileChunkEncoder: Raw,
    smallFileEncoder: Raw
  })
  const writer = PbUnixFS.createWriter({ writable, settings })
  const link = await build(writer)
  await writer.close()
  await drained
  return { cid: link.cid.toString(), tsize: Number(link.dagByteLength) }
}

const writtenFile = bytes => async writer => {
  const file = PbUnixFS.createFileWriter(writer)
  if (bytes.length > 0) file.write(bytes)
  return await file.close()
}

async function writtenDirectory (writer) {
  const inner = PbUnixFS.createDirectoryWriter(writer)
  const outer = PbUnixFS.createDirectoryWriter(writer)
  for (const [path, size] of Object.entries(DIRECTORY)) {
    const link = await writtenFile(stream(size))(writer)
    if (path.startsWith('a/')) inner.set(path.slice(2), link)
    else outer.set(path, link)
  }
  outer.set('a', await inner.close())
  return await outer.close()
}

// The node: POST /api/v0/add, CIDs as it answers them.
async function added (parts, query) {
  const body = new FormData()
  for (const [name, bytes] of parts) body.append('file', new Blob([bytes]), encodeURIComponent(name))
  const url = `${api}/api/v0/add?cid-version=1&raw-leaves=true&pin=false&${query}`
  const answer = await fetch(url, { method: 'POST', body })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  const lines = (await answer.text()).trim().split('\n').map(line => JSON.parse(line))
  const root = lines.at(-1)
  const cid = CID.parse(root.Hash, root.Hash.startsWith('z') ? base58btc : undefined)
  return { cid: cid.toString(), tsize: Number(root.Size) }
}

async function nodeVersion () {
  const answer = await (await fetch(`${api}/api/v0/version`, { method: 'POST' })).json()
  return `ipfs-core ${answer['ipfs-core']}`
}

async function file (size) {
  const bytes = stream(size)
  const ours = await imported([{ path: 'f', content: [bytes] }])
  return {
    size,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    blocks: ours.blocks.size,
    'ipfs-unixfs-importer': { cid: ours.cid.toString(), tsize: ours.tsize },
    '@ipld/unixfs': await written(writtenFile(bytes)),
    'js-ipfs': await added([['f', bytes]], '')
  }
}

async function smallChunks (size) {
  const bytes = stream(size)
  const ours = await imported([{ path: 'f', content: [bytes] }], splitInto(SMALL))
  return {
    size,
    'ipfs-unixfs-importer': { cid: ours.cid.toString(), tsize: ours.tsize },
    '@ipld/unixfs': await written(writtenFile(bytes), SMALL)
  }
}

async function directory () {
  const entries = Object.entries(DIRECTORY)
  const ours = await imported(entries.map(([name, size]) => ({ path: `root/${name}`, content: [stream(size)] })))
  return {
    entries: DIRECTORY,
    'ipfs-unixfs-importer': { cid: ours.cid.toString(), tsize: ours.tsize },
    '@ipld/unixfs': await written(writtenDirectory),
    'js-ipfs': await added(entries.map(([name, size]) => [`root/${name}`, stream(size)]), '')
  }
}

async function archive () {
  const { cid, blocks } = await imported([{ path: 'f', content: [stream(11)] }], splitInto(SMALL))
  const { writer, out } = CarWriter.create([cid])
  for (const block of blocks.values()) writer.put(block)
  writer.close()
  const parts = []
  for await (const part of out) parts.push(part)
  return { size: 11, root: cid.toString(), blocks: blocks.size, '@ipld/car': Buffer.concat(parts).toString('base64') }
}

async function spellings () {
  const raw = (await imported([{ path: 'f', content: [stream(1)] }])).cid
  const node = (await imported([{ path: 'f', content: [stream(262145)] }])).cid
  const v0 = (await imported([{ path: 'f', content: [stream(262145)] }], { cidVersion: 0, rawLeaves: false })).cid
  const every = cid => ({
    hex: Buffer.from(cid.bytes).toString('hex'),
    base32: cid.toString(), base36: cid.toString(base36), base58btc: cid.toString(base58btc)
  })
  return { raw: every(raw), 'dag-pb': every(node), v0: { text: v0.toString(), ...every(v0.toV1()) } }
}

async function golden () {
  const result = {
    recipe: 'node make_golden.mjs http://127.0.0.1:PORT, see the head of that script; tsize: bytes of all blocks',
    made_with: {
      'ipfs-unixfs-importer': '17.1.1', '@ipld/unixfs': '3.0.0', '@ipld/car': '5.4.7',
      'js-ipfs': await nodeVersion()
    },
    stream: 'piece 0, piece 1, … cut at size; piece i = 65536 bytes of SHAKE128("gitex golden {i}")',
    files: [],
    small_chunks: { chunk_bytes: SMALL.chunkBytes, max_links: SMALL.maxLinks, files: [] }
  }
  for (const size of SIZES) result.files.push(await file(size))
  for (let size = 1; size <= 120; size += 7) result.small_chunks.files.push(await smallChunks(size))
  for (const size of [12, 13, 36, 37, 108, 109, 324, 325]) result.small_chunks.files.push(await smallChunks(size))
  return { ...result, directory: await directory(), archive: await archive(), spellings: await spellings() }
}

console.log(JSON.stringify(await golden(), undefined, 2))
