#!/usr/bin/env node
// Compiles the contracts and writes artifacts/NAME.json for Python.
//   node build.mjs                      write them
//   node build.mjs --check              compile anew and compare byte for byte
//   node build.mjs --verification NAME  print the compiler's input, as block explorers ask for it
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

import { compile } from "./compiled.mjs";
import { here } from "./forge.mjs";

const GOVERNANCE = "node_modules/@openzeppelin/contracts/governance";
const CONTRACTS = {
  FeeVault: "src/FeeVault.sol",
  GTX: "src/GTX.sol",
  GitexDeployer: "src/GitexDeployer.sol",
  GitexGovernor: "src/GitexGovernor.sol",
  GitexNFT: "src/GitexNFT.sol",
  GitexProxy: "src/GitexProxy.sol",
  TimelockController: `${GOVERNANCE}/TimelockController.sol`,
};
const FOLDER = `${here}artifacts/`;

function artifact(compiled, name, source) {
  const contract = compiled.contracts[source][name];
  return {
    contractName: name,
    sourceName: source,
    metadata: metadataOf(contract),
    storageLayout: layoutOf(compiled, source, name),
    abi: contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
  };
}

// Without what the artifact has anyway, and without the places where sources could be fetched.
function metadataOf(contract) {
  const { compiler, language, settings, sources } = JSON.parse(contract.metadata);
  const hashes = Object.entries(sources).map(([path, source]) => [path, source.keccak256]);
  return { compiler, language, settings, sources: Object.fromEntries(hashes) };
}

// Numbers of syntax nodes and lines change with every edit anywhere; the layout does not.
function layoutOf(compiled, source, name) {
  const { storage, namespaces, types } = compiled.layout(source, name);
  const field = ({ contract, label, type, slot, offset }) => ({ contract, label, type: stable(type), slot, offset });
  const seen = {};
  for (const [id, { label, numberOfBytes, members }] of Object.entries(types)) {
    const fields = members?.map((member) => (typeof member === "string" ? member : { ...member, type: stable(member.type) }));
    const type = { label, numberOfBytes, ...(fields && { members: fields }) };
    if (stable(id) in seen && JSON.stringify(seen[stable(id)]) !== JSON.stringify(type)) {
      throw new Error(`${name} has two different types that are called ${stable(id)}`);
    }
    seen[stable(id)] = type;
  }
  const spaces = Object.entries(namespaces ?? {}).map(([id, fields]) => [id, fields.map((each) => field(each))]);
  return { storage: storage.map((each) => field(each)), namespaces: sorted(spaces), types: sorted(Object.entries(seen)) };
}

function stable(type) {
  return type.replace(/\)\d+_/g, ")_");
}

function sorted(entries) {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

// One line for each part: small, and a change can still be read.
function text(value) {
  const parts = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}:${JSON.stringify(part)}`);
  return `{\n${parts.join(",\n")}\n}\n`;
}

function texts() {
  const compiled = compile();
  return Object.entries(CONTRACTS).map(([name, source]) => [`${name}.json`, text(artifact(compiled, name, source))]);
}

function write() {
  mkdirSync(FOLDER, { recursive: true });
  for (const [file, content] of texts()) writeFileSync(FOLDER + file, content);
}

function check() {
  const wanted = new Map(texts());
  const found = new Map(readdirSync(FOLDER).map((file) => [file, readFileSync(FOLDER + file, "utf8")]));
  const names = new Set([...wanted.keys(), ...found.keys()]);
  const wrong = [...names].filter((file) => wanted.get(file) !== found.get(file));
  if (wrong.length === 0) return;
  console.error(`not what the sources compile to, run npm run build in chain/contracts: ${wrong.join(", ")}`);
  process.exitCode = 1;
}

function printVerification(name) {
  const source = CONTRACTS[name];
  if (source === undefined) throw new Error(`${name} is none of ${Object.keys(CONTRACTS).join(", ")}`);
  const compiled = compile();
  const { sources } = JSON.parse(compiled.contracts[source][name].metadata);
  const needed = Object.keys(sources).map((path) => [path, { content: compiled.input.sources[path].content }]);
  console.log(JSON.stringify({ ...compiled.input, sources: sorted(needed) }));
}

const [command, name] = process.argv.slice(2);
if (command === undefined) write();
else if (command === "--check") check();
else if (command === "--verification") printVerification(name);
else throw new Error("usage: build.mjs [--check | --verification NAME]");
