// What forge compiled, read once: contracts, and their storage layouts with ERC-7201 namespaces resolved.
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";

import { forge, here } from "./forge.mjs";

const require = createRequire(import.meta.url);
const core = require("@openzeppelin/upgrades-core");
const solc = require("solc");

// The second versions of the tests have no initializer on purpose; upgrades-core warns of that on every run.
core.silenceWarnings();

/** Compile everything anew, sources and tests. Throws with forge's output if that fails. */
export function compile() {
  rmSync(`${here}out`, { recursive: true, force: true });
  rmSync(`${here}cache`, { recursive: true, force: true });
  const ran = forge(["build", "--quiet"], "pipe");
  if (ran.status !== 0) throw new Error(`forge build failed:\n${ran.stdout}${ran.stderr}`);
  return read();
}

/** The last compilation: `{contracts, input, validation, layout(source, name)}`. Throws if it is not a single whole one. */
export function read() {
  const folder = `${here}out/build-info/`;
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  if (files.length !== 1) throw new Error(`${files.length} build-info files in ${folder}: compile anew`);
  const { input, output, solcVersion } = JSON.parse(readFileSync(folder + files[0], "utf8"));
  const plain = { language: input.language, sources: input.sources, settings: input.settings };
  const namespaced = namespacedOutput(plain, output, solcVersion);
  const decode = core.solcInputOutputDecoder(plain, output);
  const validation = core.validate(output, decode, solcVersion, plain, namespaced);
  const layout = (source, name) => core.getStorageLayout(validation, versionOf(validation, source, name));
  return { contracts: output.contracts, input: plain, validation, layout };
}

/** The key of a contract in upgrades-core's results. */
export function versionOf(validation, source, name) {
  const found = validation[`${source}:${name}`];
  if (found?.version === undefined) throw new Error(`${source}:${name} was not compiled`);
  return found.version;
}

// Structs of a namespace are no state variables: the compiler says where their fields lie only if they are made so.
function namespacedOutput(input, output, solcVersion) {
  const changed = core.makeNamespacedInput(input, output, solcVersion);
  changed.settings = { ...changed.settings, outputSelection: { "*": { "*": ["storageLayout"], "": ["ast"] } } };
  const result = JSON.parse(solc.compile(JSON.stringify(changed)));
  const errors = (result.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  return result;
}
