#!/usr/bin/env node
// Static analysis by slither, in a Python environment of its own (.slither/venv): of src/ with every detector, and of
// the standards' functions and events. Fails if there is a finding without an explanation in slither/explained.json,
// or an explanation without its finding. PYTHON names another interpreter than python3.11 or python3.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname } from "node:path";

import { forge, forgePath, here } from "./forge.mjs";

const FOLDER = `${here}.slither/`;
const BIN = `${FOLDER}venv/bin/`;
const LOCK = `${here}slither/requirements.lock`;
const EXPLAINED = `${here}slither/explained.json`;
// Slither reads what our own forge and solc have compiled, and compiles nothing.
const COMPILED = [".", "--ignore-compile", "--foundry-out-directory", ".slither/out"];
const STANDARDS = [
  ["GitexNFT", "ERC721"],
  ["GitexNFT", "ERC165"],
  ["GTX", "ERC20"],
  ["GTX", "ERC2612"],
];

// Slither asks forge for its settings.
const ENVIRONMENT = { ...process.env, PATH: `${dirname(forgePath())}${delimiter}${process.env.PATH}` };

function run(program, args) {
  return spawnSync(program, args, { cwd: here, env: ENVIRONMENT, encoding: "utf8" });
}

function must(program, args) {
  const ran = run(program, args);
  if (ran.status !== 0) throw new Error(`${program} failed:\n${ran.error ?? ""}${ran.stdout}${ran.stderr}`);
}

function python() {
  const candidates = [process.env.PYTHON, "python3.11", "python3"].filter(Boolean);
  const found = candidates.find((each) => run(each, ["--version"]).status === 0);
  if (found === undefined) throw new Error("slither needs Python 3.11");
  return found;
}

function install() {
  const stamp = `${FOLDER}venv/installed`;
  const wanted = readFileSync(LOCK, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  must(python(), ["-m", "venv", "--clear", `${FOLDER}venv`]);
  must(`${BIN}pip`, ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", LOCK]);
  writeFileSync(stamp, wanted);
}

// Apart from out/, where the tests and the artifacts are compiled: two compilations there are one too many.
function compile() {
  for (const name of ["out", "cache"]) rmSync(FOLDER + name, { recursive: true, force: true });
  const places = ["--out", ".slither/out", "--cache-path", ".slither/cache"];
  const ran = forge(["build", "--quiet", "--skip", "./test/**", ...places], "pipe");
  if (ran.status !== 0) throw new Error(`forge build failed:\n${ran.stdout}${ran.stderr}`);
}

/** What the program found. Its exit status says nothing of that, so its report is asked whether it is whole. */
function report(program, args) {
  const file = `${FOLDER}report.json`;
  rmSync(file, { force: true });
  const ran = run(BIN + program, [...args, "--json", file]);
  const said = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  if (said?.success !== true) throw new Error(`${program} failed:\n${said?.error ?? ""}${ran.stdout}${ran.stderr}`);
  return said.results;
}

function analysed() {
  // Comments in the sources hide nothing: all explanations are in one place.
  const filters = ["--filter-paths", "node_modules", "--show-ignored-findings", "--fail-none"];
  return (report("slither", [...COMPILED, ...filters]).detectors ?? []).map(({ check, elements }) => {
    const { name, type_specific_fields: fields } = elements[0];
    // Line numbers change with every edit; expressions only when they are to be looked at again.
    const code = elements.filter((each) => each.type === "node" && each.name !== "").map((node) => node.name);
    return { detector: check, place: `${fields.parent.name}.${fields.signature ?? name}`, code: [...new Set(code)].sort() };
  });
}

function conforming([contract, standard]) {
  const found = report("slither-check-erc", [".", contract, "--erc", standard, ...COMPILED.slice(1)])["erc-conformance"];
  return Object.entries(found).flatMap(([check, places]) =>
    places.map(({ description }) => ({ detector: `${standard} ${check}`, place: contract, code: [description.trim()] })),
  );
}

function text({ detector, place, code }) {
  return [`${detector} in ${place}`, ...code].join("\n    ");
}

install();
mkdirSync(FOLDER, { recursive: true });
compile();
const found = [...analysed(), ...STANDARDS.flatMap((each) => conforming(each))].map((each) => text(each));
const explained = JSON.parse(readFileSync(EXPLAINED, "utf8"));
const known = new Set(explained.filter(({ why }) => why).map((each) => text(each)));
const unexplained = found.filter((each) => !known.has(each));
const gone = [...known].filter((each) => !found.includes(each));
for (const each of unexplained) console.error(`not explained: ${each}`);
for (const each of gone) console.error(`explained, but no longer found: ${each}`);
if (unexplained.length + gone.length > 0) process.exitCode = 1;
console.log(`slither: ${found.length} findings, ${unexplained.length} not explained, ${gone.length} gone`);
