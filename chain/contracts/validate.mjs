#!/usr/bin/env node
// Upgrade safety by OpenZeppelin's own validation, of the last compilation (`npm run build` makes one).
import { createRequire } from "node:module";

import { read, versionOf } from "./compiled.mjs";

const core = createRequire(import.meta.url)("@openzeppelin/upgrades-core");
const KIND = { kind: "uups" };
const MOCKS = "test/mocks/Upgrades.sol";
const CONTRACTS = ["GitexNFT", "GTX", "FeeVault"];

// A second version must not call its parents' initializers again.
const SECOND = { ...KIND, unsafeAllow: ["missing-initializer"] };

function safe(compiled, source, name, options) {
  core.assertUpgradeSafe(compiled.validation, versionOf(compiled.validation, source, name), options);
}

function fits(compiled, [before, beforeName], [after, afterName]) {
  const options = core.withValidationDefaults(KIND);
  core.assertStorageUpgradeSafe(compiled.layout(before, beforeName), compiled.layout(after, afterName), options);
}

// A validation that finds nothing anywhere would look just as green.
function refused(compiled) {
  try {
    fits(compiled, ["src/FeeVault.sol", "FeeVault"], [MOCKS, "UnsafeFeeVault"]);
  } catch (error) {
    if (error instanceof core.StorageUpgradeErrors) return;
    throw error;
  }
  throw new Error("UnsafeFeeVault passed, whose fields have changed places");
}

const compiled = read();
for (const name of CONTRACTS) {
  safe(compiled, `src/${name}.sol`, name, KIND);
  safe(compiled, MOCKS, `${name}V2`, SECOND);
  fits(compiled, [`src/${name}.sol`, name], [MOCKS, `${name}V2`]);
}
refused(compiled);
console.log(`${CONTRACTS.join(", ")}: safe to deploy and to upgrade`);
