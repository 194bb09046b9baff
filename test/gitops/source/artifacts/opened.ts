/** Sources on an empty data directory, closed and removed after the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type {
  ConnectionOptions,
  CredentialProvider,
  Tree,
} from "../../../../src/gitops/source/source.ts";
import { Sources } from "../../../../src/gitops/source/sources.ts";
import { PASSWORD, Registry, type RegistryOptions, USER } from "./registry.ts";

export function dataDirectory(): string {
  const dataDir = mkdtempSync(join(tmpdir(), "artifacts-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  return dataDir;
}

export function sources(dataDir = dataDirectory()): Sources {
  const opened = new Sources({ dataDir });
  onTestFinished(() => opened.stop());
  return opened;
}

export async function registry(options: RegistryOptions = {}): Promise<Registry> {
  const started = await Registry.start(options);
  onTestFinished(() => started.stop());
  return started;
}

export function credentials(connection: ConnectionOptions = {}): CredentialProvider {
  return {
    id: "secret/test",
    connection,
    get: () => Promise.resolve({ kind: "basic", username: USER, password: PASSWORD }),
  };
}

export async function textOf(tree: Tree, path: string): Promise<string | undefined> {
  const entry = await tree.entry(path);
  return entry === undefined ? undefined : new TextDecoder().decode(await tree.blob(entry.id));
}

/** What went wrong, as a person reads it. */
export async function problemOf(
  work: Promise<unknown>,
): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
  throw new Error("it did not fail");
}
