import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  ArtifactStore,
  type ArtifactStoreLimits,
} from "../../../../src/gitops/source/artifacts/artifact-store.ts";
import type { Tree } from "../../../../src/gitops/source/source.ts";
import { dataDirectory, problemOf, textOf } from "./opened.ts";
import { sha256 } from "./registry.ts";
import { tar } from "./tar-files.ts";

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, 700);
  yield bytes.subarray(700);
}

const archive = (name: string): Buffer => tar([{ name, content: name.repeat(300) }]);

class Fixture {
  readonly directory = join(dataDirectory(), "artifacts");
  readonly downloads: string[] = [];
  readonly #store: ArtifactStore;

  constructor(limits: Partial<ArtifactStoreLimits>) {
    this.#store = new ArtifactStore(this.directory, limits);
  }

  tree(name: string, bytes = archive(name)): Promise<Tree> {
    return this.#store.tree({
      digest: sha256(bytes),
      layout: "plain",
      where: "here",
      download: () => {
        this.downloads.push(name);
        return Promise.resolve(once(bytes));
      },
    });
  }

  file(name: string): string {
    return join(this.directory, sha256(archive(name)).replace(":", "-"));
  }
}

test("a tree stays readable after its archive has left memory and disk", async () => {
  const sizeBytes = archive("a").length;
  const store = new Fixture({ maxMemoryBytes: sizeBytes, maxDiskBytes: sizeBytes });
  const first = await store.tree("a");
  await store.tree("b");
  expect(existsSync(store.file("a"))).toBe(false);
  expect(await textOf(first, "a")).toBe("a".repeat(300));
  expect(store.downloads).toEqual(["a", "b", "a"]);
});

test("the least recently used go first, and nothing half-written stays", async () => {
  const sizeBytes = archive("a").length;
  const store = new Fixture({ maxMemoryBytes: 0, maxDiskBytes: 2 * sizeBytes });
  await store.tree("a");
  await store.tree("b");
  utimesSync(store.file("b"), 1, 1);
  utimesSync(store.file("a"), 2, 2);
  await store.tree("c");
  expect(existsSync(store.file("b"))).toBe(false);
  expect(existsSync(store.file("a"))).toBe(true);
  await store.tree("a");
  expect(store.downloads).toEqual(["a", "b", "c"]);
  expect(readdirSync(store.directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(statSync(store.directory).mode & 0o077).toBe(0);
  expect(statSync(store.file("a")).mode & 0o077).toBe(0);
});

test("an archive that is larger than allowed is not kept", async () => {
  const store = new Fixture({ maxArchiveBytes: 1000 });
  expect(await problemOf(store.tree("a"))).toMatchObject({ code: "too-large" });
  expect(readdirSync(store.directory)).toEqual([]);
});

test("a file larger than its reader wants is not handed out", async () => {
  const tree = await new Fixture({}).tree("a");
  const entry = await tree.entry("a");
  expect(await problemOf(tree.blob(entry?.id ?? "", { maxBytes: 10 }))).toMatchObject({
    code: "too-large",
  });
  expect(await problemOf(tree.blob("0".repeat(40)))).toMatchObject({ code: "path-not-found" });
  expect(await problemOf(tree.entries("none"))).toMatchObject({ code: "path-not-found" });
});
