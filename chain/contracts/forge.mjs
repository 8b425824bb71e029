#!/usr/bin/env node
// Runs the pinned forge in this folder, whatever the caller's folder is.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const here = fileURLToPath(new URL(".", import.meta.url));

/** Where npm put forge for this machine. Throws if the packages are not installed. */
export function forgePath() {
  const architecture = { x64: "amd64", arm64: "arm64" }[process.arch] ?? process.arch;
  const path = `${here}node_modules/@foundry-rs/forge-${process.platform}-${architecture}/bin/forge`;
  if (!existsSync(path)) throw new Error("forge is not installed: run npm ci in chain/contracts");
  return path;
}

/** Run forge; its exit status. */
export function forge(args, stdio = "inherit") {
  return spawnSync(forgePath(), args, { cwd: here, stdio, encoding: "utf8" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = forge(process.argv.slice(2)).status ?? 1;
}
